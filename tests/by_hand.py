"""Changing a ledger's database as an operator would, with the database's own tool."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psycopg

from metering.ledger_url import is_postgresql, sqlite_path


def change_by_hand(ledger_url: str, sql: str) -> None:
    if is_postgresql(ledger_url):
        with psycopg.connect(ledger_url) as server:
            server.execute(sql.encode())
        return
    with closing(sqlite3.connect(sqlite_path(ledger_url))) as file:
        file.execute(sql)
        file.commit()
