"""What a configuration file may say: frozen, validated settings, made once at start and at reload.

`config_file.py` reads YAML into these; nothing else reads the environment or a file for settings.
Every field's description is shown by `weir check --schema` and must stand in `docs/configuration.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from gateway.config_books import BooksSettings
from gateway.config_budgets import UNLIMITED_OUTPUT_TOKENS, BudgetSettings, LimitSettings
from gateway.config_cache import CacheSettings, RouteCacheSettings
from gateway.config_gpu import GpuSettings, GpuWindowSettings
from gateway.config_quality import CascadeSettings, QualitySettings
from gateway.config_routing import Pacing, PolicyChoice, RuleSettings
from gateway.config_types import Bytes, HttpUrl, Name, Seconds, SecondsOrZero, Settings, Share, StateUrl, Usd
from metering.gpu_rates import GpuRate, GpuRates
from metering.ledger_url import is_postgresql, sqlite_path
from metering.terms import Terms

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
MIN_ADMIN_KEY_LENGTH = 24
_WELL_KNOWN_KEY = re.compile(r"(?i)change.?me|password|secret|example|admin.?key|sk-1234|test|^(.)\1+$")
Feature = Literal["chat", "completions", "embeddings", "tools", "vision", "json_schema", "logprobs"]


def _journal(value: object) -> object:
    return {"folder": value} if isinstance(value, str) else value


class LogSettings(Settings):
    format: Literal["json", "text"] = Field("json", description="One line per request, JSON or text.")
    prompts: bool = Field(False, description="Put prompt and answer text into the log. Off by default.")


class ServerSettings(Settings):
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: Literal[1] = Field(1, description="Processes. This version runs one per ledger.")
    max_body: Bytes = Field(20_000_000, description="Largest request body accepted.")
    max_answer: Bytes = Field(64_000_000, description="Largest non-streamed answer relayed.")
    max_json_depth: int = Field(100, ge=8, le=500, description="Deepest nesting of a request's JSON.")
    drain_timeout: SecondsOrZero = Field(
        30.0, description="After SIGTERM, how long running requests may finish before they are cut."
    )
    drain_delay: SecondsOrZero = Field(
        0.0, description="After SIGTERM, how long to keep accepting while readiness already fails."
    )
    attempts: int = Field(
        3, ge=1, le=10, description="Upstream attempts one request may cost, retries and fallbacks together."
    )
    log: LogSettings = Field(default_factory=LogSettings)


class TimeoutSettings(Settings):
    connect: Seconds = Field(2.0, description="To a connected socket, TLS included.")
    first_byte: Seconds = Field(120.0, description="From the request sent to the first byte back.")
    idle: Seconds = Field(60.0, description="Between bytes of an answer.")
    total: Seconds = Field(600.0, description="Over the whole attempt.")


class RetrySettings(Settings):
    base: Seconds = Field(0.1, description="First back-off; doubles each time, with full jitter.")
    cap: Seconds = Field(2.0, description="Longest back-off. A longer retry-after ends the retrying instead.")
    per_backend: int = Field(2, ge=1, le=10, description="Attempts on one backend before falling back.")


class BreakerSettings(Settings):
    failures: int = Field(5, ge=1, description="Consecutive failures that open the circuit of one URL.")
    open_for: Seconds = Field(10.0, description="Time until a half-open circuit lets one probe through.")


class JournalSettings(Settings):
    folder: str | None = Field(
        None,
        description="Where the journal lies, relative to the working directory; one folder per ledger. Left "
        "out, beside a SQLite ledger (weir.db: weir.journal), and ./journal otherwise.",
    )
    max_bytes: Bytes = Field(1 << 30, description="Most that the journal may hold while the ledger is away.")
    sync_every: Seconds = Field(0.05, description="A power loss loses at most what was written within that.")
    when_full: Literal["refuse", "unmetered"] = Field(
        "refuse", description="Refuse new work, or serve it unmetered and say so in log and metric."
    )


class RetentionSettings(Settings):
    events: Seconds | None = Field(
        None, ge=7 * 86_400, description="How long single rows are kept; their sums stay. Left out, for ever."
    )


class HealthSettings(Settings):
    every: SecondsOrZero = Field(5.0, description="Between active checks of each URL; 0 turns them off.")
    timeout: Seconds = Field(2.0, description="For one check.")
    failures: int = Field(2, ge=1, description="Failed checks in a row that take a URL out of rotation.")


class LaunchSettings(Settings):
    """A llama.cpp engine that the gateway starts and supervises itself."""

    weights: str = Field(
        description="GGUF file: a path, or `package:MODULE/FILE` for one carried by an installed package."
    )
    context_tokens: int = Field(8192, ge=256, description="KV cache shared by all slots.")
    slots: int = Field(4, ge=1, le=256, description="Requests decoded at once.")
    answer_tokens: int = Field(
        UNLIMITED_OUTPUT_TOKENS,
        ge=1,
        description="Where an answer ends to whose length the client sets no limit.",
    )
    threads: int = Field(0, ge=0, description="CPU threads; 0 takes all cores.")
    embeddings: bool = Field(False, description="Serve /v1/embeddings too (mean pooling).")
    gpu_layers: int = Field(0, ge=-1, description="Layers on a GPU; -1 is all.")
    start_timeout: Seconds = Field(120.0, description="For weights to load and the first health check.")


class ModelSettings(Settings):
    """One public model name of a backend."""

    upstream: str = Field(description="The name the backend knows.")
    context_tokens: int | None = Field(None, ge=1, description="Context window; unknown fits everything.")
    max_output_tokens: int | None = Field(None, ge=1, description="The backend's own limit on output.")
    supports: tuple[Feature, ...] | None = Field(
        None, description="What requests may ask for; the kind's default if left out."
    )
    token_ids: Literal["cl100k_base", "o200k_base", "engine"] | None = Field(
        None,
        description="How to read token-id arrays sent to /v1/embeddings: decoded as that OpenAI encoding, "
        "or passed on as the engine's own. Default: `engine` for kind openai, else `cl100k_base`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"upstream": value} if isinstance(value, str) else value


Kind = Literal["openai", "vllm", "sglang", "llamacpp"]


class BackendSettings(Settings):
    kind: Kind = Field(description="Which dialect: openai (any compatible URL), vllm, sglang, llamacpp.")
    url: HttpUrl | None = Field(None, description="Base URL, /v1 included.")
    urls: tuple[HttpUrl, ...] = Field((), description="Replicas of one engine, instead of `url`.")
    launch: LaunchSettings | None = Field(
        None, description="Start a llama.cpp engine instead of naming a URL."
    )
    api_key: SecretStr | None = Field(None, description="Sent upstream as a bearer token. Use ${VARIABLE}.")
    models: Mapping[Name, ModelSettings] = Field(min_length=1, description="Public name: upstream name.")
    price_provider: str | None = Field(
        None, description="Provider id in the price catalogue; `openai` for kind openai, none for engines."
    )
    stand_in_for: str | None = Field(
        None, description="Says that this backend replaces a better one; shown wherever it serves."
    )
    slots: int | None = Field(
        None, ge=1, description="Requests that each URL works on at once; of a launched engine its own slots."
    )
    gpus: GpuSettings | None = Field(None, description="Of a local engine that is paid by the hour.")
    timeouts: TimeoutSettings = Field(default_factory=TimeoutSettings)
    retry: RetrySettings = Field(default_factory=RetrySettings)
    breaker: BreakerSettings = Field(default_factory=BreakerSettings)
    health: HealthSettings = Field(default_factory=HealthSettings)

    @model_validator(mode="after")
    def _one_place(self) -> BackendSettings:
        named = sum((self.url is not None, bool(self.urls), self.launch is not None))
        if named != 1:
            raise ValueError("give exactly one of url, urls, launch")
        if self.gpus is not None and self.kind == "openai":
            raise ValueError("gpus are for engines of the house: kind must be vllm, sglang or llamacpp")
        if self.launch is not None and self.kind != "llamacpp":
            raise ValueError("launch starts llama.cpp: kind must be llamacpp")
        return self

    @property
    def slots_in_all(self) -> int | None:
        """Over its replicas; None where nobody said. Engines that are paid by the hour and started here have
        theirs; more than fit into them wait there."""
        if self.slots is not None:
            return self.slots * max(1, len(self.base_urls))
        return self.launch.slots if self.launch is not None and self.gpus is not None else None

    @property
    def base_urls(self) -> tuple[str, ...]:
        return self.urls or ((self.url,) if self.url else ())


class RouteSettings(Settings):
    """A virtual model."""

    tiers: tuple[Name, ...] = Field(min_length=1, description="Model names, cheap to dear.")
    policy: PolicyChoice = Field(
        "balanced",
        description="How readily a dearer tier is chosen: economy, balanced, quality, {large_share: 0.3} or "
        "{usd_per_gain: 0.02}.",
    )
    pacing: Pacing = Field(
        None,
        description="Fewer dear calls while a budget runs ahead of the calendar: true, or {at_most: 0.5}.",
    )
    sticky: bool = Field(
        True, description="A conversation stays on its model unless the predicted gain is clear."
    )
    artefact: str | None = Field(
        None,
        description="A calibrated gain model of this route, from `weir calibrate`; else the shipped one.",
    )
    fallback: tuple[Name, ...] = Field((), description="Models tried after the tiers, in this order.")
    cascade: CascadeSettings | None = Field(
        None, description="Ask the cheapest tier first and judge its answer; of answers that are no streams."
    )
    cache: RouteCacheSettings = Field(default_factory=RouteCacheSettings)


ServiceTier = Literal["batch", "flex", "priority", "fast"]
Role = Literal["admin", "finance", "tenant"]


class KeySettings(Settings):
    name: Name = Field(description="Shown in reports and logs.")
    hash: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] = Field(
        description="From `weir keys hash`; the key itself never stands in a file."
    )
    project: str = Field("", description="Where this key's spend is booked.")
    role: Role = Field("tenant", description="admin (all), finance (read all), tenant (inference, read own).")
    models: tuple[Name, ...] | None = Field(None, description="Narrower than the tenant's list.")
    expires: datetime | date | None = Field(None, description="The key stops working then (UTC).")
    tags: Mapping[str, str] = Field(
        default_factory=dict, description="Labels of every request of this key; a client cannot change them."
    )
    limits: LimitSettings | None = Field(None, description="Of this key, below its tenant's.")


class TenantSettings(Settings):
    cost_center: str = Field("", description="Carried to every row.")
    models: tuple[Name, ...] | None = Field(None, description="Allowed models and routes; all if left out.")
    cache_group: Name | None = Field(
        None, description="The group of `cache.groups` that it shares kept answers with; it must name it."
    )
    keys: tuple[KeySettings, ...] = ()
    limits: LimitSettings | None = Field(None, description="Of all the tenant's keys together.")
    budgets: tuple[BudgetSettings, ...] = Field((), description="Of the tenant, or of a part of it.")


class TokenRateSettings(Settings):
    """USD per million tokens. Classes left out cost what they are a kind of."""

    input: Usd
    output: Usd = Decimal(0)
    cache_read: Usd | None = Field(None, description="Left out, as `input`.")
    cache_write: Usd | None = Field(None, description="Left out, as `input`.")
    cache_write_1h: Usd | None = Field(None, description="Kept for an hour. Left out, as `cache_write`.")
    reasoning: Usd | None = Field(None, description="Left out, as `output`.")


class LongContextSettings(TokenRateSettings):
    input_tokens: int = Field(ge=1, description="Of requests with more input: a cliff for all their tokens.")


class RateSettings(TokenRateSettings):
    """Above the catalogue."""

    model: Name
    backend: Name | None = Field(None, description="Only for this backend.")
    per_request: Usd = Field(Decimal(0), description="USD per request, on top.")
    per_second: Usd = Field(Decimal(0), description="USD per second that an attempt takes, on top.")
    over: tuple[LongContextSettings, ...] = Field((), description="Rates of long contexts, ascending.")
    service: Mapping[ServiceTier, Usd] = Field(
        default_factory=dict, description="Service tier: factor on the token rates; {batch: 0.5} is half."
    )
    from_: date | None = Field(None, alias="from", description="First day it holds (UTC).")

    @model_validator(mode="after")
    def _over_ascends(self) -> RateSettings:
        starts = [step.input_tokens for step in self.over]
        if starts != sorted(set(starts)):
            raise ValueError("over must ascend by input_tokens")
        return self


class GpuRateSettings(Settings):
    backend: Name
    usd_per_hour: Usd = Field(description="USD per GPU and hour.")
    from_: date | None = Field(None, alias="from", description="First day it holds (UTC).")


class MarkupSettings(Settings):
    default: Usd = Decimal(1)
    tenants: Mapping[str, Usd] = Field(default_factory=dict)


class DiscountSettings(Settings):
    default: Share = Decimal(0)
    tenants: Mapping[str, Share] = Field(default_factory=dict)


class GatewaySettings(Settings):
    """The whole file."""

    server: ServerSettings = Field(default_factory=ServerSettings)
    admin_key: SecretStr | None = Field(
        None, description="Opens /admin. Needed as soon as host is not loopback. Use ${VARIABLE}."
    )
    state: StateUrl = Field(
        "memory://",
        description="Where budgets and limits are counted: memory:// for one gateway; for several, "
        "redis://host:6379/0, rediss:// or redis+sentinel://host:26379,host:26379/service/0.",
    )
    ledger: str = Field(
        "sqlite:///weir.db",
        description="sqlite:///relative.db, sqlite:////absolute.db or postgresql://user:secret@host/database",
    )
    journal: Annotated[JournalSettings, BeforeValidator(_journal)] = Field(default_factory=JournalSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    backends: Mapping[Name, BackendSettings] = Field(min_length=1)
    models: Mapping[Name, RouteSettings] = Field(default_factory=dict, description="Virtual models.")
    rules: tuple[RuleSettings, ...] = ()
    cache: CacheSettings = Field(default_factory=CacheSettings)
    quality: QualitySettings = Field(default_factory=QualitySettings)
    tenants: Mapping[Name, TenantSettings] = Field(default_factory=dict)
    budgets: tuple[BudgetSettings, ...] = Field((), description="Of the whole house.")
    rates: tuple[RateSettings, ...] = ()
    gpu_rates: tuple[GpuRateSettings, ...] = ()
    gpu: GpuWindowSettings = Field(default_factory=GpuWindowSettings)
    books: BooksSettings = Field(default_factory=BooksSettings)
    markup: MarkupSettings = Field(default_factory=MarkupSettings)
    discount: DiscountSettings = Field(default_factory=DiscountSettings)
    unknown_price: Literal["refuse", "ceiling", "flag"] = Field(
        "refuse",
        description="A model without a price: refuse to serve it, charge the dearest known rate, or serve it "
        "with its cost marked unknown.",
    )

    @property
    def shares_state(self) -> bool:
        """With other gateways: budgets, limits and kept answers lie in a Redis."""
        return not self.state.startswith("memory:")

    @property
    def journal_folder(self) -> Path:
        if self.journal.folder is not None:
            return Path(self.journal.folder)
        if is_postgresql(self.ledger):
            return Path("journal")
        return sqlite_path(self.ledger).with_suffix(".journal")

    @cached_property
    def gpu_price_book(self) -> GpuRates:
        """The dated rows of `gpu_rates`."""
        return GpuRates(GpuRate(rate.backend, rate.usd_per_hour, rate.from_) for rate in self.gpu_rates)

    @cached_property
    def terms(self) -> Terms:
        """What each tenant pays of a list price."""
        markup, discount = self.markup, self.discount
        return Terms(markup.default, discount.default, markup.tenants, discount.tenants)

    @property
    def concrete_models(self) -> dict[str, tuple[str, ...]]:
        """Public model name -> the backends that serve it, in the file's order."""
        served: dict[str, list[str]] = {}
        for backend_name, backend in self.backends.items():
            for model in backend.models:
                served.setdefault(model, []).append(backend_name)
        return {model: tuple(names) for model, names in served.items()}


def admin_key_problem(settings: GatewaySettings) -> str | None:
    """Why this admin key does not protect a gateway that listens there, or None."""
    if settings.admin_key is None:
        if settings.server.host in LOOPBACK_HOSTS:
            return None
        return f"server.host is {settings.server.host}, beyond loopback: set admin_key"
    key = settings.admin_key.get_secret_value()
    if len(key) < MIN_ADMIN_KEY_LENGTH:
        return f"admin_key has {len(key)} characters; at least {MIN_ADMIN_KEY_LENGTH} are needed"
    if _WELL_KNOWN_KEY.search(key):
        return "admin_key looks like a placeholder; make one with `weir keys new-admin`"
    return None
