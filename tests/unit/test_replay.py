"""Recorded traffic under another policy: what moves, what it costs, and what stays as it was and why."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gateway.replay.again import Decider
from gateway.replay.render import as_json, in_words
from gateway.replay.replay import Replay
from metering.event import Routing
from metering.outcome import Outcome
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US
from tests.fakes.replays import cost_of, decider, replay, routed, settings

DAY_US = 86_400_000_000
LEGAL_LARGE = {"rules": [{"when": {"tenant": "legal"}, "use": "large"}]}


def spread(count: int, present_share: float) -> list[object]:
    """Gains evenly from 0 to 1, as a policy of that share routed them."""
    gains = [(number + 0.5) / count for number in range(count)]
    return [
        routed(number, gain, "large" if gain >= 1 - present_share else "small")
        for number, gain in enumerate(gains)
    ]


def replayed(rows: object, present: Decider, new: Decider) -> Replay:
    found = replay(present, new)
    found.take(rows)  # type: ignore[arg-type]
    return found


def test_the_same_policy_moves_nothing_and_costs_the_same() -> None:
    found = replayed(spread(100, 0.3), decider(0.3), decider(0.3))
    total = found.tally.total()
    assert (total.rows, total.decided, total.moved) == (100, 100, 0)
    assert total.change_nanos == 0
    assert (found.tally.repeated, found.tally.comparable) == (100, 100)
    assert found.tally.quality.change == 0
    assert "Nobody is affected." in "\n".join(in_words(found, ()))


def test_a_smaller_share_moves_the_least_gain_to_the_cheap_tier() -> None:
    rows = spread(100, 0.3)
    total = (found := replayed(rows, decider(0.3), decider(0.1))).tally.total()
    assert (total.large_before, total.large_after, total.moved) == (30, 10, 20)
    moved = [routed(1, 0.5, name).event for name in ("large", "small")]
    saved_each = cost_of(moved[0], "large") - cost_of(moved[1], "small")
    assert total.change_nanos == -20 * saved_each
    lost = sum((number + 0.5) / 100 for number in range(70, 90))
    assert found.tally.quality.change == pytest.approx(-lost)


def test_the_interval_of_the_quality_is_that_of_a_mean() -> None:
    found = replayed(spread(200, 0.3), decider(0.3), decider(0.1)).tally.quality
    differences = [-(n + 0.5) / 200 if 0.7 <= (n + 0.5) / 200 < 0.9 else 0.0 for n in range(200)]
    mean = sum(differences) / 200
    deviation = (sum((each - mean) ** 2 for each in differences) / 199) ** 0.5
    interval = found.interval()
    assert interval is not None
    assert interval[1] - interval[0] == pytest.approx(2 * 1.959964 * deviation * 200**0.5)


@pytest.mark.parametrize("reason", ["sticky:large", "load:small>large", "fit:small>large"])
def test_what_circumstances_moved_stays_there_unless_the_files_differ(reason: str) -> None:
    rows = [routed(1, 0.2, "large", reason=reason), routed(2, 0.85, "large", reason=reason)]
    same = replayed(rows, decider(0.3), decider(0.3)).tally
    assert (same.total().moved, same.total().change_nanos) == (0, 0)
    assert (same.total().large_after, same.repeated, same.comparable) == (2, 1, 2)
    other = replayed(rows, decider(0.3), decider(0.1)).tally
    assert (other.total().moved, other.total().large_after) == (1, 1)


@pytest.mark.parametrize(
    ("now", "then", "change"),
    [("small, large", "large", 0.2), ("large", "small, large", -0.2), ("large", "large", 0)],
)
def test_tiers_are_placed_on_one_scale_for_both_files(now: str, then: str, change: float) -> None:
    """One row of gain 0.2: on the small tier of the file that has one, else on the large one."""
    files = [
        decider(0.3, models={"auto": {"tiers": tiers.split(", "), "policy": {"large_share": 0.3}}})
        for tiers in (now, then)
    ]
    was = "small" if now.startswith("small") else "large"
    found = replayed([routed(1, 0.2, was)], *files).tally
    assert found.quality.change == pytest.approx(change)
    assert found.total().large_after == (then == "large")


def test_a_new_rule_needs_no_gain_and_an_old_one_leaves_none() -> None:
    rows = [routed(1, None, "small", tenant="legal"), routed(2, None, "small", tenant="acme")]
    found = replayed(rows, decider(0.3), decider(0.3, **LEGAL_LARGE))
    assert found.tally.of("legal", "auto").moved == 1
    assert found.tally.of("acme", "auto").decided == 0
    (reason,) = found.tally.kept
    assert reason.startswith("no gain was recorded")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "hit", "attempt": 0, "outcome": Outcome.CACHED, "cost_nanos": 0}, "the cache answered"),
        ({"route": ""}, "the client named a model"),
        ({"attempt": 2}, "a later attempt"),
        ({"reason": "cascade:sure"}, "a cascade decided"),
        ({"route": "gone"}, "the new file has no route gone"),
    ],
)
def test_what_no_policy_decides_stays_as_it_was(changes: dict[str, object], reason: str) -> None:
    found = replayed([routed(1, 0.99, "small", **changes)], decider(0.3), decider(0.3))
    assert found.tally.total().decided == 0
    assert found.tally.total().change_nanos == 0
    assert next(iter(found.tally.kept)).startswith(reason)


def test_a_cascade_of_the_new_file_needs_answers_but_for_streams_and_rules() -> None:
    models = {"auto": {"tiers": ["small", "large"], "cascade": {}}}
    new = decider(0.3, models=models, **LEGAL_LARGE)
    rows = [
        routed(1, 0.9, "small"),
        routed(2, 0.9, "small", stream=True),
        routed(3, 0.9, "small", tenant="legal"),
    ]
    found = replayed(rows, decider(0.3), new)
    assert found.tally.total().moved == 2
    assert list(found.tally.kept) == ["the new file's route auto is a cascade: no answer is stored to judge"]


def test_rows_of_older_releases_and_other_artefacts_are_told_apart() -> None:
    older, other = routed(1, 0.9, "small"), routed(2, 0.9, "small")
    older.event.routing = None
    other.event.routing = Routing(900_000, None, 1, "fake-0", 5, "")
    found = replayed([older, other], decider(0.3), decider(0.3))
    assert set(found.tally.kept) == {
        "an older release recorded nothing of its routing",
        "the gain is of artefact fake-0, not of fake-1",
    }


def test_what_lacks_tokens_moves_without_a_price_of_its_own() -> None:
    failed = routed(1, 0.9, "small", usage=None, cost_nanos=0, outcome=Outcome.UPSTREAM_FAILED)
    total = replayed([failed], decider(0.3), decider(0.3)).tally.total()
    assert (total.moved, total.before_nanos, total.after_nanos) == (1, 0, 0)


def test_an_unknown_price_is_counted_and_not_nought() -> None:
    without = settings(rates=[{"model": "small", "input": 1, "output": 2}], unknown_price="flag")
    new = decider(0.9, **without.model_dump(include={"rates", "unknown_price"}, exclude_unset=True))
    found = replayed([routed(1, 0.5, "small")], decider(0.3), new)
    total = found.tally.total()
    assert (total.unknown_before, total.unknown_after, total.after_nanos) == (0, 1, 0)
    assert "then 1" in "\n".join(in_words(found, ()))


def test_where_gpu_time_pays_a_token_costs_what_it_did_there() -> None:
    """A token had cost one and a half nano-dollars before markup; legal pays a tenth more."""
    hourly = {
        "kind": "vllm",
        "url": "http://127.0.0.1:2/v1",
        "models": {"small": "s"},
        "gpus": {"usd_per_hour": 2},
    }
    dear = {"kind": "openai", "url": "http://127.0.0.1:1/v1", "models": {"large": "l"}}
    new = decider(
        0.0,
        backends={"g": hourly, "b": dear},
        rates=[{"model": "large", "input": 10, "output": 20}],
        markup={"tenants": {"legal": "1.1"}},
        tenants={"legal": {}},
    )
    found = Replay(decider(0.9), new, {("small", "g"): Fraction(3, 2)})
    found.take([routed(1, 0.5, "large", usage=TokenUsage(30, 10, 0, 20), tenant="legal")])
    total = found.tally.total()
    assert (total.moved, total.by_gpu_time, total.after_nanos) == (1, 1, 99)


def test_answers_are_expected_as_a_gateway_learned_to_and_not_as_they_became() -> None:
    """By dollars per gain: after one answer of 3,000 tokens the next is expected to be dear."""
    dear = {"auto": {"tiers": ["small", "large"], "policy": {"usd_per_gain": "0.02"}}}
    usage = TokenUsage(100, 0, 0, 3_000, 0, Provenance.VENDOR)
    rows = [routed(n, 0.5, "small", usage=usage) for n in range(3)]
    moved = []
    found = replay(decider(0.3), decider(0.3, models=dear))
    for row in rows:
        found.take([row])
        moved.append(found.tally.total().moved)
    assert moved == [1, 1, 1], "256 tokens are expected of the first answer, some 1,700 of the second"


def test_budgets_are_spent_in_the_order_of_time_and_anew_each_period() -> None:
    """Ten rows a day for two days, of which the present policy sends every one to the large model."""
    rows = [routed(n, 0.5, "large", started_us=NEW_YEAR_2026_US + DAY_US * (n // 10) + n) for n in range(20)]
    each = cost_of(rows[0].event, "large")
    limit = each * 4 / 1e9
    budgets = {"tenants": {"acme": {"budgets": [{"usd": f"{limit:.9f}", "per": "day"}]}}}
    found = replayed(rows, decider(0.9), decider(0.1, **budgets))
    assert [breach.at_us - NEW_YEAR_2026_US for breach in found.before.breaches] == [3, DAY_US + 13]
    assert [breach.rows_after for breach in found.before.breaches] == [6, 6]
    assert found.before.breaches[0].nanos_after == 6 * each
    assert found.after.breaches == []


def test_a_budget_that_prefers_the_cheap_tiers_is_replayed() -> None:
    rows = [routed(n, 0.9, "large", started_us=NEW_YEAR_2026_US + n) for n in range(10)]
    limit = cost_of(rows[0].event, "large") * 10 / 1e9
    ladder = [{"usd": f"{limit:.9f}", "per": "month", "at": {"50": "economy", "100": "refuse"}}]
    found = replayed(rows, decider(0.3), decider(0.3, tenants={"acme": {"budgets": ladder}}))
    assert found.tally.total().moved == 5


def test_json_holds_every_sum_and_words_add_up() -> None:
    found = replayed(spread(50, 0.3), decider(0.3), decider(0.1))
    told = as_json(found, ["a note"])
    assert told["totals"]["change_nanos"] == found.tally.total().change_nanos
    assert sum(row["after_nanos"] for row in told["routes"]) == told["totals"]["after_nanos"]
    assert told["tenants"][0]["tenant"] == "acme"
    assert told["assumptions"][-1] == "a note"
    words = "\n".join(in_words(found, ["a note"]))
    assert "50 decided again, 10 of them moved" in words
    assert "30.0%" in words
    assert "10.0%" in words
    assert "* a note" in words


def test_no_traffic_is_said() -> None:
    assert list(in_words(replay(decider(0.3), decider(0.3)), ())) == ["No traffic in this period."]
