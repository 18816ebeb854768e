"""Budgets and limits that hold: what is spent and reserved, over any number of gateways (docs/budgets.md)."""

from __future__ import annotations

from metering.budgets.desk import BudgetDesk, Hold, Permit
from metering.budgets.model import Action, Bound, Budget, BudgetUse, Left, Selector, Standing, Subject, Unit
from metering.budgets.periods import Calendar, Rolling
from metering.budgets.refusal import Refused

__all__ = [
    "Action",
    "Bound",
    "Budget",
    "BudgetDesk",
    "BudgetUse",
    "Calendar",
    "Hold",
    "Left",
    "Permit",
    "Refused",
    "Rolling",
    "Selector",
    "Standing",
    "Subject",
    "Unit",
]
