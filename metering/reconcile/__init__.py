"""A vendor's cost and usage file held against the ledger: what differs, why, and what makes the sums
equal."""
