from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from routing import EVERYTHING, candidate, request

from router.fit import CEILING, FLOOR_DIVISOR, SHOWN, fitting, nothing_fits

HUNDRED = request("x" * 4 * 93)
"""A request of about 100 tokens."""


def test_the_request_is_as_large_as_it_says() -> None:
    assert HUNDRED.prompt_tokens == 100


def test_an_unknown_window_fits_everything() -> None:
    anything = candidate("m", window=None)
    assert fitting([anything], HUNDRED).fits == (anything,)


def test_features_must_all_be_there() -> None:
    wants = request({"messages": [{"role": "user", "content": "Hi"}], "tools": [{}], "logprobs": True})
    plain, tools = candidate("plain", features=frozenset({"chat"})), candidate("tools")
    found = fitting([plain, tools], wants)
    assert found.fits == (tools,)
    assert nothing_fits(found.dropped) == (
        "No model can serve this request: plain on gpu1 does not support logprobs, tools."
    )


def test_three_bands_of_a_window() -> None:
    sure, by_estimate, doubtful, never = (
        candidate(name, window=size) for name, size in (("a", 200), ("b", 100), ("c", 99), ("d", 32))
    )
    found = fitting([sure, by_estimate, doubtful, never], HUNDRED)
    assert found.fits == (sure, by_estimate)
    assert found.doubtful == (doubtful,)
    assert [each.candidate for each in found.dropped] == [doubtful, never]


def test_requested_output_needs_room_too() -> None:
    fields = {**HUNDRED.fields, "max_tokens": 50}
    fits, not_quite = candidate("a", window=150), candidate("b", window=149)
    found = fitting([fits, not_quite], request(fields))
    assert (found.fits, found.doubtful) == ((fits,), (not_quite,))
    assert "149 tokens, too small for about 100 tokens of prompt and 50 of output" in found.dropped[0].reason


def test_counting_settles_a_doubt_once() -> None:
    asked: list[int] = []

    def real_tokens() -> int:
        asked.append(1)
        return 60

    sizes = (300, 120, 60, 59, 10)
    found = fitting([candidate(str(size), window=size) for size in sizes], HUNDRED, real_tokens)
    assert [each.model for each in found.fits] == ["300", "120", "60"]
    assert (found.doubtful, len(asked)) == ((), 1)


def test_nothing_is_counted_without_a_doubt() -> None:
    def never() -> int:
        raise AssertionError("counted without need")

    found = fitting([candidate("a", window=200), candidate("b", window=None)], HUNDRED, never)
    assert len(found.fits) == 2


def test_the_doubtful_with_the_largest_window_comes_first() -> None:
    found = fitting([candidate("a", window=50), candidate("b", window=90)], HUNDRED)
    assert [each.model for each in found.doubtful] == ["b", "a"]


def test_prompts_of_a_list_must_fit_one_by_one() -> None:
    batch = request({"input": ["x" * 400] * 50}, api="embeddings")
    assert batch.prompt_tokens == 5_000
    assert fitting([candidate("a", window=200)], batch).fits


def test_a_long_message_is_cut_and_names_each_candidate_once() -> None:
    small = [candidate(f"m{number}", window=10) for number in range(SHOWN + 2)] * 2
    told = nothing_fits(fitting(small, HUNDRED).dropped)
    assert told.count(" on gpu1 has a context window") == SHOWN
    assert told.endswith("; and 2 more.")


windows = st.none() | st.integers(1, 500)


@settings(deadline=None)
@given(
    st.lists(windows, max_size=6), st.integers(1, 300), st.integers(0, 100), st.none() | st.integers(1, 300)
)
def test_every_candidate_is_judged_and_none_twice(
    sizes: list[int | None], tokens: int, output: int, counted: int | None
) -> None:
    fields = {"prompt": [[1] * tokens], "max_tokens": output}
    wanted = request(fields, api="completions")
    candidates = [candidate(str(n), window=size) for n, size in enumerate(sizes)]
    found = fitting(candidates, wanted, None if counted is None else lambda: counted)
    dropped = [each.candidate for each in found.dropped]
    assert sorted((*found.fits, *dropped), key=candidates.index) == candidates
    assert set(found.doubtful) <= set(dropped)
    for each in found.fits:
        assert each.context_tokens is None or tokens // FLOOR_DIVISOR + output <= each.context_tokens
    for each in dropped:
        assert each.context_tokens is not None
        assert tokens * CEILING + output > each.context_tokens


def test_everything_is_a_superset_of_nothing() -> None:
    assert fitting([candidate("a", features=EVERYTHING)], HUNDRED).dropped == ()
