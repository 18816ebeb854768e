"""The road a request travels; the only package that knows HTTP. Nothing imports it."""
