"""Budgets and limits that hold: what is spent and reserved, over any number of gateways (docs/budgets.md)."""
