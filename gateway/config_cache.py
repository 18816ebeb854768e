"""Settings of the answer cache: its tiers, who shares, and what is promised about wrong hits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from cache.partition import MAX_SECRET_BYTES, MIN_SECRET_BYTES
from cache.personal import KINDS
from gateway.config_types import (
    Bytes,
    Name,
    Seconds,
    SecondsOrZero,
    Settings,
    Share,
    Usd,
    checked_pattern,
)

GROUP = "group:"
_SHARERS = re.compile(r"tenant|project|key|group:[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _sharers(value: str) -> str:
    if not _SHARERS.fullmatch(value):
        raise ValueError(f"{value!r}: write tenant, project, key or group:NAME")
    return value


Sharers = Annotated[str, AfterValidator(_sharers)]


def _known_kinds(kinds: tuple[str, ...]) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of personal data; there are {', '.join(sorted(KINDS))}")
    return kinds


class SecondOpinionSettings(Settings):
    """A heavier look at what is about to be served: the embeddings of both questions, by a model of the file.
    Its calls are metered under `weir-quality`; where it does not answer in time, nothing is served."""

    embeddings: Name = Field(description="A model that serves /v1/embeddings.")
    at_least: float = Field(0.9, ge=-1, le=1, description="Cosine from which both questions are one.")
    within: Seconds = Field(1.0, description="Longest wait for it.")


class SemanticSettings(Settings):
    """Serve an answer to another wording of the same question, once audits bear out that it is one."""

    wrong_hits_at_most: Share = Field(
        Decimal("0.01"),
        gt=0,
        le=Decimal("0.5"),
        description="Of hits by meaning; hits are served only while audits bear it out at 95 % confidence.",
    )
    trust: Literal["audited", "curated"] = Field(
        "audited",
        description="curated: only the pairs of `weir cache seed` are matched by meaning, without audits: "
        "whoever wrote them answers for them. Of a route.",
    )
    regime: Literal["strict", "intent"] = Field(
        "strict",
        description="strict: every word counts. intent: questions of one intent share an answer, as a list "
        "of frequent ones has it.",
    )
    threshold: float | None = Field(
        None, ge=0, le=1, description="Score from which two questions are one; else the verifier's own."
    )
    second: SecondOpinionSettings | None = Field(
        None, description="Ask an embedding model as well before a hit by meaning."
    )
    bound: Literal["partition", "tenant", "route"] = Field(
        "tenant",
        description="Whose audits are counted together: of one conversation prefix, of one tenant on a "
        "route, or of all tenants on a route.",
    )
    audit: Share = Field(
        Decimal("0.02"), gt=0, description="Of hits by meaning that are answered afresh too, and compared."
    )
    grey: float = Field(0.1, ge=0, le=1, description="How far below the threshold misses are compared too.")
    judge: Name | None = Field(
        None, description="The model that compares two answers where plain checks settle nothing."
    )
    same_from: float = Field(
        0.97,
        ge=0,
        description="Answers whose embeddings are this close count as the same, if no number, "
        "name, negation or code differs. Above 1: never.",
    )


class ExclusionSettings(Settings):
    """What is not kept, though its answer is whole."""

    personal: Annotated[tuple[str, ...], AfterValidator(_known_kinds)] | None = Field(
        None, description="Kinds of personal data that are looked for; all, if left out."
    )
    patterns: tuple[Annotated[str, AfterValidator(checked_pattern)], ...] = Field(
        (), max_length=50, description="Further personal data, as regular expressions (RE2)."
    )
    time_bound: bool = Field(True, description="Questions about today, the latest, the current.")
    sampled: bool = Field(True, description="Requests with a temperature above 0.")


class RouteCacheSettings(Settings):
    """Of one virtual model, in place of the house's."""

    exact: bool | None = None
    canonical: bool | None = None
    semantic: SemanticSettings | Literal[False] | None = Field(
        None, description="false: not by meaning here."
    )
    exclude: ExclusionSettings | None = None
    ttl: Seconds | None = None
    epoch: int | None = Field(
        None,
        ge=0,
        description="Counted up by whoever changes what answers are made from; older ones are "
        "served no more.",
    )


class GroupSettings(Settings):
    tenants: tuple[Name, ...] = Field(min_length=2, description="Who may share; each must opt in as well.")


class CacheSettings(Settings):
    exact: bool = Field(True, description="Serve identical requests from the cache.")
    canonical: bool = Field(
        True, description="Serve requests whose last words differ only in how they are written."
    )
    semantic: SemanticSettings | None = Field(
        None, description="Serve requests whose last words mean the same, under a bound on wrong hits."
    )
    ttl: Seconds = Field(3600.0, description="Longest age of a served answer.")
    share: Sharers = Field("tenant", description="Who shares an entry: tenant, project, key, or group:NAME.")
    groups: Mapping[Name, GroupSettings] = Field(
        default_factory=dict, description="Tenants that may share answers, by name."
    )
    exclude: ExclusionSettings = Field(default_factory=ExclusionSettings)
    epoch: int = Field(0, ge=0, description="Answers of an older epoch are served no more.")
    wait: SecondsOrZero = Field(
        30.0, description="How long an identical request waits for the answer under way; 0: not at all."
    )
    replay: Literal["at_once", "natural"] = Field(
        "at_once",
        description="How a kept answer is streamed; a client says otherwise with `x-weir-replay`.",
    )
    max_memory: Bytes = Field(64_000_000, description="Bytes of answers kept in the process.")
    max_tenant: Bytes | None = Field(
        None, description="Bytes of answers kept of one tenant; else `max_memory`."
    )
    max_index: Bytes = Field(256_000_000, description="Bytes of the indexes by meaning in the process.")
    max_entry: Bytes = Field(256_000, description="Largest answer stored.")
    usd_per_gb_month: Usd | None = Field(
        None, description="Of 10^9 bytes of kept answers over 730 hours. Left out, they are only metered."
    )
    secret: SecretStr | None = Field(
        None,
        min_length=MIN_SECRET_BYTES,
        max_length=MAX_SECRET_BYTES,
        description="Keys the hashes that name entries, the same in every gateway that shares `state`; else "
        "made of admin_key and state. Use ${VARIABLE}.",
    )
