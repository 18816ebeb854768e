"""`weir route --config`: what a file decides on a prompt, by the gateway's own router."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gateway.answering import whole_decision
from gateway.clock import SystemClock
from gateway.commands.common import CommandFailed, load_for_books
from gateway.config import GatewaySettings
from gateway.keydirectory import tenants_in_store
from gateway.quality.cascade import decided
from gateway.snapshot import Snapshot, compile_snapshot
from metering.budgets import BudgetUse
from metering.catalogue import GenaiCatalogue
from router.deciding import GainRouter, direct
from router.decision import Decision, RouteRequest


def by_config(arguments: argparse.Namespace) -> Callable[[RouteRequest], dict[str, Any]]:
    """What is printed of a request; that raises NoCandidate. Raises CommandFailed."""
    if any(each is not None for each in (arguments.policy, arguments.large_share, arguments.artefact)):
        raise CommandFailed("with --config the file says policy and artefact")
    settings = load_for_books(arguments.config).settings
    snapshot = compile_snapshot(settings, 1, GenaiCatalogue(), datetime.now(UTC).date())
    model = _asked_for(arguments.model, snapshot)
    _check_tenant(arguments.tenant, settings)
    now_us = SystemClock().wall_ns() // 1000

    def decide(request: RouteRequest) -> dict[str, Any]:
        asked = request._replace(
            tenant=arguments.tenant or "",
            project=arguments.project or "",
            tags=dict(arguments.tag or ()),
            at_us=now_us,
            budgets=(BudgetUse(arguments.budget_used or 0.0, None),),
        )
        return _told(snapshot, _decision(snapshot, model, asked), explain=request.explain)

    return decide


def _asked_for(name: str | None, snapshot: Snapshot) -> str:
    if name is None and len(snapshot.routes) == 1:
        return next(iter(snapshot.routes))
    if name is None or name not in snapshot.models():
        problem = "which model?" if name is None else f"no model is named {name}."
        raise CommandFailed(f"{problem} Name one with --model: {', '.join(snapshot.models())}")
    return name


def _check_tenant(name: str | None, settings: GatewaySettings) -> None:
    """A mistyped one would be told what holds for strangers. Raises CommandFailed."""
    if name is None or name in settings.tenants:
        return
    stored = tenants_in_store(settings)
    if stored is not None and name not in stored:
        raise CommandFailed(f"no tenant is named {name}, in the file or in the key store")


def _decision(snapshot: Snapshot, model: str, request: RouteRequest) -> Decision:
    route = snapshot.routes.get(model)
    if route is None:
        return direct(snapshot.direct[model], request)
    return GainRouter().decide(request, route)


def _told(snapshot: Snapshot, decision: Decision, *, explain: bool) -> dict[str, Any]:
    first = decision.choices[0].candidate
    answer: dict[str, Any] = {
        "gain": None if decision.gain is None else round(decision.gain, 6),
        "tier": first.tier,
        "model": first.model,
        "backend": first.backend,
        "reason": decision.reason,
    }
    if decision.route in snapshot.cascades and not decided(decision):
        answer["cascade"] = True
    return {**answer, **whole_decision(decision), **answer} if explain else answer
