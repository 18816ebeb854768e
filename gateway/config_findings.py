"""What the cross-checks of a configuration find, and the names that they look for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from gateway.config_yaml import Plain
from gateway.problems import Path, did_you_mean


@dataclass(frozen=True, slots=True)
class Finding:
    path: Path
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """Every name the file gives to something."""

    backends: frozenset[str]
    models: frozenset[str]
    """Concrete: those that a backend serves."""
    routes: frozenset[str]
    tenants: frozenset[str]


def names_in(top: Mapping[str, Plain]) -> Names:
    """From the file as written, so that a mistake in a backend's other settings does not make its models
    unknown."""
    backends = _mapping(top.get("backends"))
    models = [_mapping(_mapping(backend).get("models")) for backend in backends.values()]
    return Names(
        frozenset(backends),
        frozenset(name for served in models for name in served),
        frozenset(_mapping(top.get("models"))),
        frozenset(_mapping(top.get("tenants"))),
    )


def _mapping(value: Plain) -> dict[str, Plain]:
    return value if isinstance(value, dict) else {}


def model_exists(path: Path, model: str, names: Names) -> Iterator[Finding]:
    if model in names.routes and model not in names.models:
        yield Finding(path, f"{model} is a virtual model; name a model of a backend here")
    elif model not in names.models:
        yield Finding(path, f"no backend serves a model {model}{did_you_mean(model, names.models)}")


def tenant_exists(
    path: Path, tenant: str, names: Names, stored_tenants: Collection[str] | None
) -> Iterator[Finding]:
    if tenant in names.tenants:
        return
    if stored_tenants is None:
        message = f"no tenant {tenant} in this file, and the key store cannot be read to look there"
        yield Finding(path, message, warning=True)
    elif tenant not in stored_tenants:
        hint = did_you_mean(tenant, names.tenants | set(stored_tenants))
        yield Finding(path, f"no tenant is named {tenant}, in this file or in the key store{hint}")
