"""The quality report for people (text), programs (JSON) and spreadsheets (CSV)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from metering.money import format_usd
from metering.quality.interval import Interval, NanosInterval
from metering.quality.report import QualityReport, RouteQuality
from metering.render import inert, instant

_SHARES = ("regret", "quality_lost", "agreement")
_MONEY = (
    "saved_nanos",
    "escalated_nanos",
    "shadow_nanos",
    "judge_nanos",
    "gateway_nanos",
    "lost_prefix_nanos",
)
_COUNTS = ("escalated", "compared", "unknown", "unknown_cost_events")
_WORDS = {
    "lost_prefix_cache": "what leaving the dearest model lost of its prompt cache",
    "gateway_time": "the gateway's own time (quality.usd_per_cpu_hour)",
}


def render_json(report: QualityReport) -> str:
    """`json_document` as text."""
    return json.dumps(json_document(report), ensure_ascii=False, indent=2)


def json_document(report: QualityReport) -> dict[str, Any]:
    """One object: `from`, `until`, `data` (a row per route), `feedback` and `feedback_unmatched`.

    Money twice: `*_nanos` as integers, `*_usd` as exact decimal strings. A share is `{value, low, high}`, the
    bounds of its 95 % interval; null where unknown.
    """
    return {
        "object": "quality_report",
        "from": instant(report.query.from_us),
        "until": instant(report.query.until_us),
        "data": [_document(route) for route in report.routes],
        "feedback": [
            {
                "route": each.route,
                "tier": each.tier,
                "words": each.words,
                "mean_score": round(each.mean_score, 6),
            }
            for each in report.feedback
        ],
        "feedback_unmatched": report.unmatched_feedback,
    }


def _document(route: RouteQuality) -> dict[str, Any]:
    return {
        "route": route.route,
        "answers": dict(route.answers),
        "large_share": None if route.large_share is None else round(route.large_share, 6),
        **{name: getattr(route, name) for name in _COUNTS},
        **{name: _interval(getattr(route, name)) for name in _SHARES},
        **{name: getattr(route, name) for name in _MONEY},
        **{name.replace("_nanos", "_usd"): _usd(getattr(route, name)) for name in _MONEY},
        "net_saved_nanos": None if route.net is None else route.net._asdict(),
        "net_saved_usd": None if route.net is None else {k: _usd(v) for k, v in route.net._asdict().items()},
        "left_out": list(route.left_out),
    }


def _interval(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else {name: round(value, 6) for name, value in interval._asdict().items()}


def _usd(nanos: int | None) -> str | None:
    return None if nanos is None else format_usd(nanos)


def render_csv(report: QualityReport) -> str:
    """A header line and a line per route, without feedback. Exact dollars; an empty cell is unknown."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    bounds = [f"{name}{end}" for name in _SHARES for end in ("", "_low", "_high")]
    money = [name.replace("_nanos", "_usd") for name in _MONEY]
    net = ["net_saved_usd", "net_saved_usd_low", "net_saved_usd_high"]
    writer.writerow(["route", "large_share", *_COUNTS, *bounds, *money, *net, "left_out"])
    for route in report.routes:
        shares = [getattr(route, name) or (None, None, None) for name in _SHARES]
        amounts: list[int | None] = [*(getattr(route, name) for name in _MONEY), *(route.net or (None,) * 3)]
        writer.writerow(
            [
                inert(route.route),
                _decimal(route.large_share),
                *(getattr(route, name) for name in _COUNTS),
                *(_decimal(value) for share in shares for value in share),
                *("" if nanos is None else format_usd(nanos) for nanos in amounts),
                " ".join(route.left_out),
            ]
        )
    return out.getvalue()


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def render_text(report: QualityReport) -> str:
    """A paragraph per route, then what clients said."""
    lines = [line for route in report.routes for line in (*_paragraph(route), "")]
    lines += _feedback(report)
    return "\n".join(lines).rstrip() + "\n" if lines else "Nothing was routed or compared in this period.\n"


def _paragraph(route: RouteQuality) -> Iterator[str]:
    yield route.route
    for title, told in _lines(route):
        yield f"  {title:<17}{told}"


def _lines(route: RouteQuality) -> Iterator[tuple[str, str]]:
    answers = ", ".join(f"{count:,} {tier}" for tier, count in route.answers.items()) or "none"
    share = "" if route.large_share is None else f" ({route.large_share:.1%} on the dearest tier)"
    yield "answers", answers + share
    if route.escalated:
        yield "escalated", f"{route.escalated:,} doubtful answers, {_money(route.escalated_nanos)}"
    yield "compared", f"{route.compared:,}" + (f", {route.unknown:,} undecided" if route.unknown else "")
    shares = (("regret", route.regret), ("quality lost", route.quality_lost), ("agreement", route.agreement))
    yield from ((title, _share(interval)) for title, interval in shares if interval is not None)
    yield "saved", _money(route.saved_nanos)
    others, judge, gateway = route.shadow_nanos, route.judge_nanos, route.gateway_nanos
    parts = (("other tiers", others), ("judge", judge), ("caches lost", route.lost_prefix_nanos))
    costs = [(title, nanos) for title, nanos in (*parts, ("gateway", gateway)) if nanos is not None]
    yield from ((f"less {title}", _money(nanos)) for title, nanos in costs)
    yield "net saved", _net(route.net)
    if route.unknown_cost_events:
        yield "unpriced", f"{route.unknown_cost_events:,} attempts: what is saved is not known exactly"
    yield "not in it", ", ".join(_WORDS[name] for name in route.left_out)


def _share(interval: Interval) -> str:
    return f"{interval.value:.1%}, between {interval.low:.1%} and {interval.high:.1%}"


def _money(nanos: int | None) -> str:
    return "unknown" if nanos is None else f"{format_usd(nanos)} USD"


def _net(net: NanosInterval | None) -> str:
    if net is None:
        return "unknown"
    if net.low is None or net.high is None:
        return f"{_money(net.value)}, too few hours for an interval"
    return f"{_money(net.value)}, between {format_usd(net.low)} and {format_usd(net.high)}"


def _feedback(report: QualityReport) -> Iterator[str]:
    if report.feedback or report.unmatched_feedback:
        yield "Feedback"
    for each in report.feedback:
        where = f"{each.route or '(a model named)'} {each.tier}"
        yield f"  {where:<24}{each.words:>7,} words, mean {each.mean_score:.2f}"
    if report.unmatched_feedback:
        yield f"  {'of no known answer':<24}{report.unmatched_feedback:>7,}"
