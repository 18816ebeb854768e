"""The file's rules: the first that matches says which model comes first."""

from __future__ import annotations

from collections.abc import Iterable

from router.decision import RouteRequest, Rule


def first_match(rules: Iterable[Rule], request: RouteRequest, route: str) -> Rule | None:
    """The first rule all of whose conditions hold for this request to the virtual model `route`."""
    for rule in rules:
        if _matches(rule, request, route):
            return rule
    return None


def _matches(rule: Rule, request: RouteRequest, route: str) -> bool:
    return (
        rule.tenant in (None, request.tenant)
        and rule.project in (None, request.project)
        and rule.model in (None, route)
        and rule.api in (None, request.api)
        and (rule.tools is None or rule.tools is ("tools" in request.needs))
        and (rule.prompt_tokens_over is None or request.prompt_tokens > rule.prompt_tokens_over)
        and (rule.prompt_tokens_under is None or request.prompt_tokens < rule.prompt_tokens_under)
        and all(request.tags.get(name) == value for name, value in rule.tags.items())
    )
