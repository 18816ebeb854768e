"""Two requests share a key only if they are the same request of the same people."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.partition import NOT_PART_OF_THE_ANSWER, Scope, request_keys

SECRET = bytes(range(32))
CHAT = "chat.completions"

texts = st.text(st.sampled_from('ab",[]{}:\\\x00é '), max_size=6)
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 0.5]) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant"])},
    optional={"content": texts | st.none() | st.lists(values, max_size=2), "name": texts},
)
names = st.sampled_from(["temperature", "stop", "tools", "x", *NOT_PART_OF_THE_ANSWER])
requests = st.builds(
    lambda said, fields: {**fields, "messages": said},
    st.lists(messages, max_size=4),
    st.dictionaries(names, values, max_size=4),
)
scopes = st.builds(Scope, texts, st.none() | texts, st.none() | texts)
whole = st.tuples(scopes, texts, requests)

ANYBODY = Scope("acme")
Whole = tuple[Scope, str, dict[str, Any]]


def keys_of(asked: Whole) -> tuple[bytes, bytes]:
    scope, model, fields = asked
    return request_keys(SECRET, scope, CHAT, model, fields)


def meaning(asked: Whole) -> bytes:
    """What must be the same for two requests to share an answer, spelt independently of the keys."""
    scope, model, fields = asked
    counted = {name: value for name, value in fields.items() if name not in NOT_PART_OF_THE_ANSWER}
    document = {"tenant": scope.tenant, "project": scope.project, "key": scope.key, "model": model}
    return orjson.dumps({**document, "fields": counted}, option=orjson.OPT_SORT_KEYS)


@settings(deadline=None)
@given(whole, whole)
def test_keys_are_equal_exactly_when_the_meaning_is(one: Whole, two: Whole) -> None:
    assert (keys_of(one) == keys_of(two)) == (meaning(one) == meaning(two))


@settings(deadline=None)
@given(whole, st.data())
def test_one_change_anywhere_changes_a_key(asked: Whole, data: st.DataObject) -> None:
    """Random pairs are nearly always far apart; neighbours are where a bad encoding would collide."""
    scope, model, fields = asked
    changed = data.draw(
        st.sampled_from(
            [
                (Scope(scope.tenant + "a", scope.project, scope.key), model, fields),
                (Scope(scope.tenant, (scope.project or "") + "a", scope.key), model, fields),
                (Scope(scope.tenant, scope.key, scope.project), model, fields),
                (scope, model + '"', fields),
                (scope, model, {**fields, "x": [fields.get("x")]}),
                (scope, model, {**fields, "messages": fields["messages"][1:]}),
                (scope, model, {**fields, "messages": fields["messages"][::-1]}),
                (scope, model, {**fields, "messages": [*fields["messages"], {"role": "user"}]}),
            ]
        )
    )
    assert (keys_of(asked) == keys_of(changed)) == (meaning(asked) == meaning(changed))


@settings(deadline=None)
@given(st.lists(messages, min_size=1, max_size=3), st.data())
def test_the_order_of_turns_matters(said: list[dict[str, Any]], data: st.DataObject) -> None:
    turned = data.draw(st.permutations(said))
    one, two = (ANYBODY, "m", {"messages": said}), (ANYBODY, "m", {"messages": turned})
    assert (keys_of(one) == keys_of(two)) == (meaning(one) == meaning(two))


@settings(deadline=None)
@given(whole, whole)
def test_no_entry_key_is_shared_across_partitions(one: Whole, two: Whole) -> None:
    partition, entry = keys_of(one)
    other_partition, other_entry = keys_of(two)
    if partition != other_partition:
        assert entry != other_entry


@settings(deadline=None)
@given(whole)
def test_the_order_of_keys_does_not_matter(asked: Whole) -> None:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(item) for item in value] if isinstance(value, list) else value

    scope, model, fields = asked
    assert keys_of((scope, model, turned(fields))) == keys_of(asked)
