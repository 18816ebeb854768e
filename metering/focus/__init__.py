"""The ledger as FOCUS cost and usage data, versions 1.2 and 1.4."""
