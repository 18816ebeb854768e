"""Lists in pages, all in one shape: `data`, `has_more`, `first_id`, `last_id`; the next page comes `after`
the last id. A cursor is a place in the order, not a row: it stays good when its row goes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from gateway.errors import BadRequest

MAX_ROWS = 1000
T = TypeVar("T")
Place = tuple[Any, ...]


class PageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    limit: int | None = Field(None, ge=1, le=MAX_ROWS, description="At most so many; all if left out.")
    after: str | None = Field(None, description="`last_id` of the page before.")
    order: Literal["asc", "desc"] = "asc"


@dataclass(frozen=True, slots=True)
class Order(Generic[T]):
    """How a list is ordered, and how a place in it is written."""

    place: Callable[[T], Place]
    id: Callable[[T], str]
    place_of_id: Callable[[str], Place]
    """Raises ValueError."""


BY_ID: Order[Mapping[str, Any]] = Order(
    lambda row: (row["id"],), lambda row: str(row["id"]), lambda text: (text,)
)
"""Rows that are JSON objects with an `id`."""


def page(rows: Sequence[T], order: Order[T], query: PageQuery, show: Callable[[T], Any]) -> dict[str, Any]:
    """Raises BadRequest for a cursor that is none."""
    backwards = query.order == "desc"
    ordered = sorted(rows, key=order.place, reverse=backwards)
    if query.after is not None:
        start = _place(order, query.after)
        beyond = operator.lt if backwards else operator.gt
        ordered = [row for row in ordered if beyond(order.place(row), start)]
    limit = len(ordered) if query.limit is None else query.limit
    ids = [order.id(row) for row in ordered[:limit]]
    return as_page([show(row) for row in ordered[:limit]], ids, has_more=len(ordered) > limit)


def as_page(data: Sequence[Any], ids: Sequence[Any], *, has_more: bool) -> dict[str, Any]:
    """`ids` are those of `data`."""
    return {
        "object": "list",
        "data": data,
        "has_more": has_more,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
    }


def _place(order: Order[T], after: str) -> Place:
    try:
        return order.place_of_id(after)
    except ValueError as error:
        raise BadRequest(f"after: {error}; give the last_id of the page before.", param="after") from error
