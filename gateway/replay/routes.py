"""The routes of a configuration, ready to be decided on without prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gateway.replay.again import Replayed
from gateway.replay.gains import RecordedGain
from gateway.snapshot import Snapshot
from router.deciding import GainRouter
from router.rules import Rule


def replayed_routes(snapshot: Snapshot) -> Mapping[str, Replayed]:
    """The gateway's own router; each route's gain model says what rows say, and keeps its thresholds. Rules
    that read texts are left out."""
    router, ready = GainRouter(), {}
    for name, route in snapshot.routes.items():
        gains = RecordedGain(route.model)
        rules = tuple(rule for rule in route.rules if not _reads(rule))
        ready[name] = Replayed(router, replace(route, model=gains, rules=rules), gains)
    return ready


def unseen_conditions(snapshot: Snapshot) -> Iterator[str]:
    """What a replay cannot ask: conditions on texts, which no row holds."""
    rules = {rule.position: rule for route in snapshot.routes.values() for rule in route.rules}
    for position, rule in sorted(rules.items()):
        if asked := _reads(rule):
            yield f"Rule {position} asks for {' and '.join(asked)}. No text is stored: it never matches here."


def _reads(rule: Rule) -> list[str]:
    """The conditions on what is said."""
    return [name for name, asked in (("language", rule.languages), ("matches", rule.patterns)) if asked]
