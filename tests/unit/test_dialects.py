"""Golden answers of every dialect, streamed and not, and the ways in which others miscounted them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.dialects.registry import DIALECTS
from metering.dialects.reported import Reported
from metering.model_price import ModelPrice, TokenRates
from metering.rate_card import Rate
from metering.usage import Provenance, TokenUsage

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}")
    for path in sorted(GOLDEN.glob("*.json"))
    for case in json.loads(path.read_text())["cases"]
]
CLASSES = ("input_uncached", "cache_read", "cache_write", "output", "reasoning", "cache_write_1h")


def read(dialect: str, events: list[dict[str, Any]], streamed: bool) -> Reported | None:
    if not streamed:
        return DIALECTS[dialect].whole(events[0])
    stream = DIALECTS[dialect].stream()
    for event in events:
        stream.event(event)
    return stream.reported()


@pytest.mark.parametrize(("dialect", "case"), CASES)
def test_an_answer_becomes_disjoint_classes(dialect: str, case: dict[str, Any]) -> None:
    found = read(dialect, case["events"], case["streamed"])
    expected = case["expected"]
    if expected is None:
        assert found is None
        return
    house = Provenance.ENGINE if dialect in ("vllm", "sglang", "llamacpp") else Provenance.VENDOR
    usage = TokenUsage(**{name: expected.get(name, 0) for name in CLASSES}, provenance=house)
    times = (expected.get("prefill_us"), expected.get("decode_us"))
    assert found == Reported(usage, *times, service_tier=expected.get("service_tier", ""))


def test_every_dialect_has_a_golden_file_that_names_its_source() -> None:
    files = {path.stem: json.loads(path.read_text()) for path in GOLDEN.glob("*.json")}
    assert set(files) == set(DIALECTS)
    assert all(len(file["source"]) > 10 for file in files.values())
    assert all({case["streamed"] for case in file["cases"]} == {True, False} for file in files.values())


def usage_of(dialect: str, *events: dict[str, Any], streamed: bool = False) -> TokenUsage:
    found = read(dialect, list(events), streamed)
    assert found is not None
    return found.usage


def usd(price: ModelPrice, usage: TokenUsage) -> Decimal:
    return Decimal(price.cost_nanos(usage)) / 10**9


SONNET = ModelPrice(TokenRates(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75")), "v")


def test_cached_tokens_are_not_charged_as_input_too() -> None:
    """Cache counted twice: a cached prompt at the full price beside its cached price."""
    inclusive = {
        "prompt_tokens": 10_000,
        "completion_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": 9_000},
    }
    exclusive = {"input_tokens": 1_000, "cache_read_input_tokens": 9_000, "output_tokens": 100}
    openai, anthropic = usage_of("openai", {"usage": inclusive}), usage_of("anthropic", {"usage": exclusive})
    assert openai == anthropic
    assert usd(SONNET, openai) == Decimal("0.003") + Decimal("0.0027") + Decimal("0.0015")


def test_cache_writes_are_not_charged_as_input_too() -> None:
    usage = usage_of(
        "anthropic",
        {"usage": {"input_tokens": 4, "cache_creation_input_tokens": 12_304, "output_tokens": 550}},
    )
    assert usd(SONNET, usage) == Decimal("0.000012") + Decimal("0.04614") + Decimal("0.00825")


def test_a_stream_that_repeats_its_usage_is_charged_once() -> None:
    """Seven chunks with running totals cost as much as the last, not seven times as much."""
    chunks = [
        {
            "choices": [{"index": 0, "delta": {"content": "x"}}],
            "usage": {"prompt_tokens": 500, "completion_tokens": n},
        }
        for n in range(1, 8)
    ]
    for dialect in ("openai", "vllm", "sglang", "llamacpp"):
        usage = usage_of(dialect, *chunks, streamed=True)
        assert (usage.input_total, usage.output) == (500, 7), dialect


def test_input_of_a_message_stream_is_charged_once() -> None:
    """It stands in message_start and again in message_delta."""
    told = {"input_tokens": 900, "cache_read_input_tokens": 100, "output_tokens": 1}
    usage = usage_of(
        "anthropic",
        {"type": "message_start", "message": {"usage": told}},
        {"type": "message_delta", "usage": {**told, "output_tokens": 40}},
        {"type": "message_delta", "usage": {"output_tokens": 50}},
        streamed=True,
    )
    assert usage == TokenUsage(900, 100, 0, 50, 0, Provenance.VENDOR)


HAIKU = ModelPrice(TokenRates(Decimal("0.8"), Decimal(4), Decimal("0.08"), Decimal(1)), "v")


def test_litellm_11789_cache_reads_of_a_stream_cost_what_they_cost_whole() -> None:
    """litellm#11789: $0.002059 for $0.000292, with streams alone."""
    usage = {
        "input_tokens": 4,
        "cache_read_input_tokens": 2_455,
        "cache_creation_input_tokens": 0,
        "output_tokens": 23,
    }
    streamed = usage_of(
        "anthropic",
        {"type": "message_start", "message": {"usage": {**usage, "output_tokens": 1}}},
        {"type": "message_delta", "usage": {"output_tokens": 23}},
        streamed=True,
    )
    assert streamed == usage_of("anthropic", {"usage": usage})
    assert usd(HAIKU, streamed) == Decimal("0.0002916")


ZEROS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "input_tokens": 0, "output_tokens": 0}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("usage", [None, {}, ZEROS])
def test_a_usage_of_zero_is_a_missing_one(dialect: str, usage: dict[str, int] | None) -> None:
    """Never a free request: the caller counts or estimates instead."""
    assert DIALECTS[dialect].whole({"usage": usage}) is None
    stream = DIALECTS[dialect].stream()
    for event in (
        {"choices": [], "usage": usage},
        {"type": "response.completed", "response": {"usage": usage}},
        {"type": "message_delta", "usage": usage},
    ):
        stream.event(event)
    assert stream.reported() is None


def test_zeros_at_the_end_do_not_erase_what_was_reported() -> None:
    real = {"choices": [{"index": 0}], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    for dialect in ("openai", "vllm", "sglang"):
        usage = usage_of(dialect, real, {"choices": [], "usage": ZEROS}, streamed=True)
        assert (usage.input_total, usage.output) == (5, 2)


def test_a_custom_price_does_not_charge_cached_tokens_at_the_input_price_on_top() -> None:
    """Custom prices once cost 1.9 times what was due: the full prompt, and its cached part again."""
    price = Rate("m", None, Decimal(1), Decimal(0), cache_read=Decimal("0.9")).price
    usage = usage_of(
        "openai",
        {"usage": {"prompt_tokens": 1_000_000, "prompt_tokens_details": {"cached_tokens": 1_000_000}}},
    )
    assert usd(price, usage) == Decimal("0.9")


def test_reasoning_is_not_charged_beside_output() -> None:
    details = {"reasoning_tokens": 900_000}
    usage = usage_of(
        "openai",
        {"usage": {"prompt_tokens": 0, "completion_tokens": 1_000_000, "completion_tokens_details": details}},
    )
    assert usd(SONNET, usage) == 15


def test_a_stream_cut_by_its_client_keeps_what_it_reported() -> None:
    usage = usage_of(
        "vllm",
        {"choices": [{"index": 0}], "usage": {"prompt_tokens": 30, "completion_tokens": 11}},
        streamed=True,
    )
    assert (usage.input_total, usage.output) == (30, 11)


NONSENSE = [
    ("openai", {"prompt_tokens": -1}, "prompt_tokens is -1"),
    ("openai", {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 10}}, "exceed 9"),
    ("openai", {"prompt_tokens": 9, "prompt_tokens_details": [1]}, "is list"),
    ("vllm", {"prompt_tokens": 9.5}, "not a count"),
    ("responses", {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 10}}, "exceed 9"),
    ("responses", {"input_tokens": 9, "output_tokens": True}, "not a count"),
    ("anthropic", {"input_tokens": "9"}, "not a count"),
    (
        "anthropic",
        {"cache_creation_input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 6}},
        "are not the 5",
    ),
]


@pytest.mark.parametrize(("dialect", "usage", "complaint"), NONSENSE)
def test_numbers_that_do_not_add_up_are_refused(dialect: str, usage: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        DIALECTS[dialect].whole({"usage": usage})


@pytest.mark.parametrize("broken", [-1, "x", True, float("nan"), float("inf"), None])
def test_a_broken_clock_loses_no_tokens(broken: object) -> None:
    found = DIALECTS["llamacpp"].whole(
        {"usage": {"prompt_tokens": 3, "completion_tokens": 1}, "timings": {"prompt_ms": broken}}
    )
    assert found == Reported(TokenUsage(3, 0, 0, 1, 0, Provenance.ENGINE))


@pytest.mark.parametrize("tier", [3, "@x", "a:b", "x" * 99, ["batch"]])
def test_a_service_tier_that_is_no_name_is_left_out(tier: object) -> None:
    found = DIALECTS["openai"].whole({"usage": {"prompt_tokens": 1}, "service_tier": tier})
    assert found is not None
    assert found.service_tier == ""


counts = st.integers(0, 10**9)


@given(counts, counts, counts, st.integers(1, 10**9))
def test_three_vendors_reporting_one_truth_agree(plain: int, kept: int, written: int, output: int) -> None:
    total = plain + kept + written
    cached = {"cached_tokens": kept, "cache_write_tokens": written}
    chat = {"prompt_tokens": total, "completion_tokens": output, "prompt_tokens_details": cached}
    response = {"input_tokens": total, "output_tokens": output, "input_tokens_details": cached}
    message = {
        "input_tokens": plain,
        "output_tokens": output,
        "cache_read_input_tokens": kept,
        "cache_creation_input_tokens": written,
    }
    truth = TokenUsage(plain, kept, written, output, 0, Provenance.VENDOR)
    for dialect, usage in (("openai", chat), ("responses", response), ("anthropic", message)):
        assert usage_of(dialect, {"usage": usage}) == truth
