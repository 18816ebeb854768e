"""The ledger's password stands nowhere that anybody looks at."""

from __future__ import annotations

import json
from datetime import date

import pytest

from gateway.config import GatewaySettings
from gateway.describe import describe, in_words
from gateway.effective import effective
from gateway.snapshot import compile_snapshot
from metering.catalogue import EmptyCatalogue
from metering.ledger_url import without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:hunter2@db:5433/weir?sslmode=require", "postgresql://db:5433/weir"),
        ("postgresql://db/weir?password=hunter2", "postgresql://db/weir"),
        ("postgres://db/weir", "postgresql://db/weir"),
        ("sqlite:///weir.db", "sqlite:///weir.db"),
    ],
)
def test_of_an_address_only_host_and_database_are_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_neither_check_nor_management_shows_it() -> None:
    settings = GatewaySettings.model_validate(
        {
            "ledger": "postgresql://weir:hunter2@db.internal/weir",
            "backends": {"b": {"kind": "vllm", "url": "http://b/v1", "models": {"m": "m"}}},
            "unknown_price": "flag",
        }
    )
    today = date(2026, 1, 1)
    described = describe(compile_snapshot(settings, 1, EmptyCatalogue(), today), today)
    for told in (
        json.dumps(described, default=str),
        "\n".join(in_words(described)),
        str(effective(settings)),
    ):
        assert "db.internal/weir" in told
        assert "hunter2" not in told
