"""How good the answers were: comparisons of tiers, feedback, and the report over both."""
