from __future__ import annotations

from typing import Any

import pytest
from routing import request, rule

from router.rules import first_match

TOOLS = request({"messages": [{"role": "user", "content": "Hi"}], "tools": [{}]})


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({}, True),
        ({"tenant": "acme"}, True),
        ({"tenant": "legal"}, False),
        ({"project": "site"}, True),
        ({"project": ""}, False),
        ({"model": "auto"}, True),
        ({"model": "other"}, False),
        ({"api": "chat.completions"}, True),
        ({"api": "embeddings"}, False),
        ({"tags": {"task": "classify"}}, True),
        ({"tags": {"task": "classify", "team": "a"}}, False),
        ({"tags": {"task": "write"}}, False),
        ({"tools": True}, False),
        ({"tools": False}, True),
        ({"prompt_tokens_over": 8}, True),
        ({"prompt_tokens_over": 9}, False),
        ({"prompt_tokens_under": 10}, True),
        ({"prompt_tokens_under": 9}, False),
        ({"tenant": "acme", "project": "other"}, False),
        ({"tenant": "acme", "tools": False, "tags": {"task": "classify"}}, True),
    ],
)
def test_all_conditions_must_hold(conditions: dict[str, Any], matches: bool) -> None:
    asked = request("Hello", tags={"task": "classify", "x": "y"})
    assert asked.prompt_tokens == 9
    assert (first_match([rule(**conditions)], asked, "auto") is not None) is matches


def test_tools_are_offered_or_not() -> None:
    assert first_match([rule(tools=True)], TOOLS, "auto") is not None
    assert first_match([rule(tools=False)], TOOLS, "auto") is None


def test_the_first_that_matches_wins() -> None:
    rules = [rule(1, tenant="legal"), rule(2, tenant="acme"), rule(3)]
    found = first_match(rules, request(), "auto")
    assert found is rules[1]
    assert first_match([], request(), "auto") is None
