"""The file's rules: the first that matches says which model comes first, or which policy decides.

A rule is compiled to the checks of the conditions that it names, so that it costs what it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from router.features import last_turns
from router.hours import Hours
from router.language import language_of
from router.patterns import Pattern
from router.policy import Policy

if TYPE_CHECKING:
    from router.decision import RouteRequest

SEARCHED_CHARS = 100_000
"""Of a conversation, counted from its end: patterns look no further back."""
LANGUAGE_CHARS = 1_000

Check = Callable[["RouteRequest"], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """Compiled from the file's `rules:`. None, or empty, means: not asked. Of several values one must hold;
    of several conditions, all."""

    position: int
    """1-based, as a reader of the file counts."""
    use: str = ""
    """A model or the name of a tier; '' where the rule names a policy."""
    policy: Policy | None = None
    models: frozenset[str] = frozenset()
    """Virtual models that it holds for."""
    tenants: frozenset[str] = frozenset()
    projects: frozenset[str] | None = None
    tags: Mapping[str, frozenset[str]] = field(default_factory=dict)
    apis: frozenset[str] = frozenset()
    prompt_tokens_over: int | None = None
    prompt_tokens_under: int | None = None
    tools: bool | None = None
    languages: frozenset[str] = frozenset()
    patterns: tuple[Pattern, ...] = ()
    hours: Hours | None = None
    budget_used_over: float | None = None
    """A share: of any budget over the request."""
    checks: tuple[Check, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "checks", tuple(_checks(self)))


def first_match(rules: Iterable[Rule], request: RouteRequest, route: str) -> Rule | None:
    """The first rule all of whose conditions hold for this request to the virtual model `route`."""
    for rule in rules:
        if not rule.models or route in rule.models:
            for check in rule.checks:
                if not check(request):
                    break
            else:
                return rule
    return None


def _checks(rule: Rule) -> Iterator[Check]:
    """The cheap ones first."""
    if tenants := rule.tenants:
        yield lambda request: request.tenant in tenants
    if (projects := rule.projects) is not None:
        yield lambda request: request.project in projects
    if apis := rule.apis:
        yield lambda request: request.api in apis
    for name, values in rule.tags.items():
        yield partial(_is_tagged, name, values)
    if (tools := rule.tools) is not None:
        yield lambda request: ("tools" in request.needs) is tools
    if (over := rule.prompt_tokens_over) is not None:
        yield lambda request: request.prompt_tokens > over
    if (under := rule.prompt_tokens_under) is not None:
        yield lambda request: request.prompt_tokens < under
    if (used := rule.budget_used_over) is not None:
        yield lambda request: any(each.spent > used for each in request.budgets)
    if (hours := rule.hours) is not None:
        yield lambda request: hours.hold(request.at_us)
    if languages := rule.languages:
        yield lambda request: language_of(_said(request)) in languages
    if patterns := rule.patterns:
        yield lambda request: any(each.found_in(text) for text in _texts(request) for each in patterns)


def _is_tagged(name: str, values: frozenset[str], request: RouteRequest) -> bool:
    return request.tags.get(name) in values


def _said(request: RouteRequest) -> str:
    """What the user said last, and before that where it was short."""
    said: list[str] = []
    size = 0
    for role, text in last_turns(request.fields, request.api):
        if role == "user" and text:
            said.append(text[:LANGUAGE_CHARS])
            size += len(text)
            if size >= LANGUAGE_CHARS:
                break
    return "\n".join(said)


def _texts(request: RouteRequest) -> Iterator[bytes]:
    """Each turn's text, the latest first, as far as SEARCHED_CHARS go."""
    left = SEARCHED_CHARS
    for _, text in last_turns(request.fields, request.api):
        yield text[:left].encode("utf-8", "replace")
        left -= len(text)
        if left <= 0:
            return
