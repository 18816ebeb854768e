"""SQLAlchemy's statements as text and parameters, for a driver's own connection.

The ledger talks to its drivers directly: the hot path needs their batch calls and their deadlines. What is
written once for both databases is written in SQLAlchemy Core and rendered here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Delete, Insert, Select, Table, Update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.selectable import CompoundSelect

Query = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]] | Insert | Update | Delete
Row = tuple[Any, ...]
Parameters = Sequence[Any] | Mapping[str, Any]

SQLITE: Dialect = sqlite.dialect()
POSTGRESQL: Dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]


class Session(Protocol):
    """One transaction on one of the two databases."""

    @property
    def dialect(self) -> Dialect: ...

    def run(self, query: Query) -> list[Row]:
        """Execute; the rows it returns, if it returns any."""
        ...

    def make_temporary(self, table: Table) -> None:
        """Unless this connection has it."""
        ...

    def run_many(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute once per row of parameters."""
        ...


def render(query: Query, dialect: Dialect) -> tuple[str, Parameters]:
    """Text and parameters as the dialect's driver takes them: `?` and a tuple, or `%(name)s` and names."""
    compiled = query.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    if compiled.positiontup is None:
        return str(compiled), compiled.params
    return str(compiled), tuple(compiled.params[name] for name in compiled.positiontup)


def render_many(
    query: Query, dialect: Dialect, rows: Sequence[Mapping[str, Any]]
) -> tuple[str, Sequence[Parameters]]:
    """Like `render`, for many rows: the query's bound parameters are named as the rows' keys."""
    compiled = query.compile(dialect=dialect, column_keys=list(rows[0]))
    names = compiled.positiontup
    if names is None:
        return str(compiled), rows
    return str(compiled), [tuple(row[name] for name in names) for row in rows]


def render_creation(table: Table, dialect: Dialect) -> str:
    """Its CREATE TABLE IF NOT EXISTS."""
    return str(CreateTable(table, if_not_exists=True).compile(dialect=dialect))
