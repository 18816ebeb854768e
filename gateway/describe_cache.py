"""The answer cache's settings in words, for `weir check` and /admin/config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.config import GatewaySettings
from gateway.config_cache import GROUP

_WHOSE = {
    "partition": "of each conversation prefix",
    "tenant": "of each tenant and route",
    "route": "of each route",
}


def describe_cache(settings: GatewaySettings) -> dict[str, Any]:
    """JSON-ready, without the secret."""
    routes = {
        name: own
        for name, route in settings.models.items()
        if (own := route.cache.model_dump(mode="json", exclude_unset=True))
    }
    return {
        **settings.cache.model_dump(mode="json", exclude={"secret"}),
        "shared": settings.shares_state,
        "routes": routes,
        "opted_in": [name for name, tenant in settings.tenants.items() if tenant.cache_group is not None],
    }


def cache_in_words(cache: Mapping[str, Any]) -> Iterator[str]:
    if not cache["exact"]:
        yield "Cache: off."
    else:
        yield f"Cache: {_what(cache)} within one {_whom(cache)}, for {cache['ttl']:g} s, {_where(cache)}."
        if cache["semantic"] is not None:
            yield f"  by meaning: {_bound(cache['semantic'])}"
    for name, own in cache["routes"].items():
        yield f"  {name}: {_own(own)}"


def _what(cache: Mapping[str, Any]) -> str:
    alike = ", and those that differ only in how they are written," if cache["canonical"] else ""
    return f"identical requests{alike}"


def _whom(cache: Mapping[str, Any]) -> str:
    share: str = cache["share"]
    if not share.startswith(GROUP):
        return share
    group = share.removeprefix(GROUP)
    named = cache["groups"].get(group, {}).get("tenants", ())
    both = [tenant for tenant in named if tenant in cache["opted_in"]]
    return f"tenant, and among {', '.join(both) or 'nobody'} (group {group})"


def _where(cache: Mapping[str, Any]) -> str:
    megabytes = cache["max_memory"] / 1_000_000
    shared = (
        " of hot ones in each gateway, all of them in the state's Redis" if cache["shared"] else " at most"
    )
    return f"{megabytes:g} MB{shared}"


def _bound(semantic: Mapping[str, Any]) -> str:
    if semantic.get("trust") == "curated":
        return "from its own pairs alone (`weir cache seed`), without audits"
    wrong = float(semantic.get("wrong_hits_at_most", "0.01"))
    bound = _WHOSE[semantic.get("bound", "tenant")]
    judge = semantic.get("judge")
    judged = f", compared by {judge}" if judge else ", compared without a judge"
    return f"served once audits {bound} bear out that at most {wrong:.2%} are wrong{judged}"


def _own(own: Mapping[str, Any]) -> str:
    told = []
    if own.get("exact") is False:
        return "nothing is kept"
    if "semantic" in own:
        told.append("not by meaning" if not own["semantic"] else f"by meaning: {_bound(own['semantic'])}")
    told += [f"{name} {own[name]}" for name in ("canonical", "ttl", "epoch") if own.get(name) is not None]
    if own.get("exclude") is not None:
        told.append("with exclusions of its own")
    return "; ".join(told) or "as the house"
