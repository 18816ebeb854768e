"""`books:` in the configuration file."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.config_books import policy_of
from gateway.config_file import ConfigError, parse
from metering.books.policy import BooksPolicy, SplitRule

FILE = """
backends: {{gpu1: {{kind: vllm, url: 'http://127.0.0.1:1/v1', models: {{m: m}}, gpus: {{usd_per_hour: 1}}}}}}
tenants: {{acme: {{}}, beta: {{}}}}
rates: [{{model: m, input: 1}}]
books: {books}
"""


def test_left_out_the_books_are_in_utc_and_split_nothing() -> None:
    assert policy_of(parse(FILE.format(books="{}"), {}).settings.books) == BooksPolicy()


def test_rules_become_a_policy_with_exact_weights() -> None:
    rules = "[{cost: idle, backend: gpu1, by: {fixed: {acme: 0.7, beta: 0.3}}}, {cost: idle, by: use}]"
    books = f"{{timezone: Europe/Berlin, close_after: 3d, split: {rules}}}"
    assert policy_of(parse(FILE.format(books=books), {}).settings.books) == BooksPolicy(
        "Europe/Berlin",
        3 * 86_400_000_000,
        (
            SplitRule("idle", "fixed", "gpu1", {"acme": Decimal("0.7"), "beta": Decimal("0.3")}),
            SplitRule("idle", "use"),
        ),
    )


@pytest.mark.parametrize(
    ("books", "told"),
    [
        ("{timezone: Mars/X}", "books.timezone: time zone 'Mars/X' is not known"),
        ("{close_after: soon}", "books.close_after: 'soon' is not a duration"),
        ("{split: [{cost: idle, by: sue}]}", "books.split[0].by: must be use, even, or {fixed:"),
        ("{split: [{cost: idle, by: {fxed: {acme: 1}}}]}", "books.split[0].by: must be use, even, or"),
        ("{split: [{cost: idle, by: {fixed: {acme: -1}}}]}", "by: the weight of acme must be a number"),
        ("{split: [{cost: idle, by: {fixed: {acme: 0}}}]}", "fixed needs a weight above 0"),
        ("{split: [{cost: rent, by: use}]}", "books.split[0].cost: must be one of 'idle', 'overhead'"),
        ("{split: [{cost: idle, by: {fixed: {acm: 1}}}]}", "no tenant is named acm, in this file or in the"),
        (
            "{split: [{cost: idle, backend: gpu2, by: use}]}",
            "books.split[0].backend: no backend is named gpu2",
        ),
        ("{split: [{cost: idle, by: use}, {cost: idle, backend: gpu1, by: even}]}", "books.split[1]: a rule"),
    ],
)
def test_a_mistake_is_named_at_its_place(books: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(FILE.format(books=books), {}, tenants_in_store=lambda settings: ())
    (problem,) = refused.value.problems
    assert told in str(problem)
