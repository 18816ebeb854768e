"""Nobody is served what was made for others, whatever they are called and whatever they claim.

The whole million is in `python -m benchmarks.cache_lookup`; here are 200,000, so that the suite stays short.
"""

from __future__ import annotations

import random

import pytest

from cache.partition import Group, Scope, request_keys
from tests.fakes.intruders import SECRET, Crowd, names

LOOKUPS = 200_000


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return Crowd()


def test_nothing_is_served_across_partitions(crowd: Crowd) -> None:
    for _ in range(LOOKUPS):
        crowd.look_up()
    assert crowd.wrong == []
    assert crowd.served > LOOKUPS // 20, "nothing was served at all: the test says nothing"
    assert crowd.refused > 1_000


def test_the_check_would_see_an_answer_of_others(crowd: Crowd) -> None:
    """A cache whose keys forget who asks is found out."""
    leaking = Crowd(seed=2)
    leaking.keys = lambda sharing, made: Crowd.keys(leaking, Scope("all"), made)  # type: ignore[method-assign]
    for tenant in leaking.tenants[:100]:
        leaking.keep(leaking.sharing(tenant), tenant, 0)
    for _ in range(200):
        leaking.look_up()
    assert len(leaking.wrong) > 50


def test_no_tenant_is_a_group() -> None:

    fields = {"messages": [{"role": "user", "content": "Hi"}]}
    some = names(2_000, random.Random(3))
    shared = [*map(Scope, some), *map(Group, some), *(Scope(name, "x", None) for name in some)]
    partitions = {request_keys(SECRET, scope, "chat.completions", "auto ", fields)[0] for scope in shared}
    assert len(partitions) == 3 * 2_000
    odd = [
        Scope('{"group":"a"}'),
        Scope("group:a"),
        Scope('["a",null,null'),
        Group("a"),
        Group('{"group":"a"}'),
    ]
    assert len({request_keys(SECRET, scope, "chat.completions", "m", fields)[0] for scope in odd}) == 5
