"""Recorded traffic decided again under another configuration: what it would have cost, and for whom."""
