from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import GatewaySettings
from gateway.config_file import ConfigError, LoadedConfig, load, parse

BACKEND = "backends: {b: {kind: openai, url: 'https://b.example/v1', models: {m: up, n: up}}}\n"
HASH = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64


def mistakes(text: str, environ: dict[str, str] | None = None, **checks: object) -> list[str]:
    """`line:column: path: message` of every mistake."""
    with pytest.raises(ConfigError) as caught:
        parse(text, environ or {}, file="f", **checks)  # type: ignore[arg-type]
    return [str(problem).removeprefix("f:") for problem in caught.value.problems]


def only(text: str, environ: dict[str, str] | None = None, **checks: object) -> str:
    found = mistakes(text, environ, **checks)
    assert len(found) == 1, found
    return found[0]


def accepted(text: str, environ: dict[str, str] | None = None) -> LoadedConfig:
    return parse(text, environ or {}, file="f")


def test_a_file_is_read_and_hashed(tmp_path: Path) -> None:
    path = tmp_path / "weir.yaml"
    path.write_text(BACKEND)
    loaded = load(path, {})
    assert isinstance(loaded.settings, GatewaySettings)
    assert loaded.warnings == ()
    assert loaded.path == str(path)
    path.write_text(BACKEND + "# another\n")
    assert load(path, {}).text_hash != loaded.text_hash
    assert len(loaded.text_hash) == 64


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml:1:1: cannot be read: No such file"):
        load(tmp_path / "none.yaml", {})
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"binary\.yaml:2:1: is not UTF-8"):
        load(binary, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: the file is empty; it needs at least `backends`"),
        ("# nothing\n", "1:1: the file is empty; it needs at least `backends`"),
        ("~", "1:1: the file is empty; it needs at least `backends`"),
        ("- a\n", "1:1: the file must be a mapping"),
        ("a: b: c\n", "1:5: a second `: ` on one line"),
        ("backends:\n\tb: 1\n", "2:1: a tab stands here; YAML is indented with spaces"),
        ("a: [1,\n", "2:1: not valid YAML"),
        ("a: {b: ${X}}\n", '1:9: inside {...}, put quotes around a variable: "${NAME}"'),
        ("a: 1\n---\nb: 2\n", "2:1: a second document (`---`) begins here"),
        ("a: 'x\n", "2:1: not valid YAML"),
        ("a: \x00\n", "1:1: character U+0000 may not stand in a file"),
        ("a: " + "[" * 3000, "1:1: nested too deeply"),
        ("a: *gone\n", "1:4: not valid YAML: found undefined alias"),
    ],
)
def test_text_that_is_no_configuration(text: str, expected: str) -> None:
    assert expected in only(text)


def test_every_mistake_is_told_at_its_place() -> None:
    text = """\
server: {prot: 8080, max_body: big}
backends:
  b:
    kind: openai
    url: ftp://b.example
    models: {m: up}
models:
  auto: {tiers: [mm]}
tenants:
  acme:
    keys:
      - {name: web, hash: nohash}
rules:
  - {when: {tenant: acne}, use: m}
"""
    assert mistakes(text) == [
        '1:10: server.prot: unknown key; did you mean "port"?',
        "1:22: server.max_body: 'big' is not a size; write 512kB, 20MB or 1GiB",
        "5:5: backends.b.url: 'ftp://b.example' is not an http:// or https:// URL",
        '8:18: models.auto.tiers[0]: no backend serves a model mm; did you mean "m"?',
        "12:21: tenants.acme.keys[0].hash: must be `sha256:` and 64 hexadecimal digits; "
        "`weir keys hash` makes it from a key",
        "14:13: rules[0].when.tenant: no tenant is named acne, in this file or in the key store; "
        'did you mean "acme"?',
    ]


def test_one_mistake_is_told_once() -> None:
    assert only("backends: {b: {kind: azure, url: 'https://x', models: {m: m}}}").startswith("1:16:")
    assert (
        only("backends: {b: {kind: vllm, models: {m: m}}}")
        == "1:12: backends.b: give exactly one of url, urls, launch"
    )
    assert only("server: {port: 1}\n") == "1:1: backends: is required"


def test_a_name_twice_is_a_mistake() -> None:
    assert (
        only(BACKEND + "cache: {ttl: 1h}\ncache: {ttl: 2h}\n")
        == "3:1: cache: stands twice; the first is on line 2"
    )


def test_words_that_yaml_1_1_would_change_stay_words() -> None:
    settings = accepted(
        BACKEND
        + f"tenants: {{no: {{cost_center: on, keys: [{{name: 'off', hash: '{HASH}', project: 12:30}}]}}}}"
    ).settings
    assert settings.tenants["no"].cost_center == "on"
    assert settings.tenants["no"].keys[0].project == "12:30"


def test_numbers_where_text_belongs_want_quotes_and_are_not_shown() -> None:
    assert only(BACKEND + "admin_key: 123456789012345678").endswith(
        "admin_key: must be text: put it in quotes"
    )
    found = only(BACKEND + "tenants: {t: {cost_center: 007}}")
    assert found.endswith("cost_center: must be text: put it in quotes")
    assert accepted(BACKEND + "tenants: {12: {}}").settings.tenants["12"].keys == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rules:\n", "rules: is empty; give it a value or remove the key"),
        ("tenants: {acme: }\n", "tenants.acme: is empty"),
        ("tenants: {acme: !!python/none }\n", "tags such as"),
        ("tenants: {[a]: {}}\n", "a name must be text"),
        ("cache: &c {exact: true}\nserver: {<<: *c}\n", "merge keys are not supported"),
        ("rules: &r [*r]\n", "an alias holds itself"),
        ("tenants: {'a b': {}}\n", "names begin with a letter or digit"),
        ("cache: {ttl: -1s}\n", "'-1s' is not a duration"),
        ("cache: {ttl: .inf}\n", "'.inf' is not a duration"),
        ("cache: {share: world}\n", "write tenant, project, key or group:NAME"),
        (
            f"tenants: {{t: {{keys: [{{name: k, hash: '{HASH}', expires: soon}}]}}}}\n",
            "must be a day or a time",
        ),
        ("ledger: sqlite://weir.db\n", "ledger: must be sqlite:///weir.db"),
        ("ledger: postgresql://user:hunter2@h\n", "ledger: must name a database"),
        ("state: redis:6379\n", "state: 'redis:6379' is no address of a state; write memory://"),
        ("budgets: [{per: day}]\n", "budgets[0]: give exactly one of usd, tokens"),
        ("budgets: [{usd: 1, tokens: 5}]\n", "budgets[0]: give exactly one of usd, tokens"),
        ("budgets: [{usd: 0}]\n", "budgets[0].usd: must be greater than 0"),
        ("budgets: [{usd: 1, per: year}]\n", "budgets[0].per"),
        ("budgets: [{usd: 1, timezone: Europe/Belin}]\n", "'Europe/Belin' is no time zone"),
        ("budgets: [{usd: 1, at: {80: alarm}}]\n", "must be one of 'notify', 'economy', 'refuse'"),
        ("budgets: [{usd: 1, at: {120: notify}}]\n", "budgets[0].at"),
        ("budgets: [{usd: 1, tag: {a: b, c: d}}]\n", "budgets[0].tag"),
        ("tenants: {t: {limits: {}}}\n", "tenants.t.limits: names no limit"),
        ("tenants: {t: {limits: {concurency: 1}}}\n", "concurency: unknown key"),
        ("journal: {max_byte: 1}\n", "journal.max_byte: unknown"),
        ("ledger: 'sqlite:///:memory:'\n", "ledger: must name a file"),
        ("server: {host: 0.0.0.0}\n", "server.host: server.host is 0.0.0.0, beyond loopback: set admin_key"),
        ("admin_key: short\n", "admin_key: admin_key has 5 characters; at least 24 are needed"),
        ("admin_key: change-me-change-me-change-me\n", "looks like a placeholder"),
    ],
)
def test_bad_values_name_what_is_wrong(text: str, expected: str) -> None:
    assert any(expected in mistake for mistake in mistakes(BACKEND + text))


def test_a_limit_that_refuses_ordinary_requests_is_questioned() -> None:
    text = f"tenants: {{t: {{keys: [{{name: k, hash: '{HASH}', limits: {{tokens_per_minute: 900}}}}]}}}}\n"
    (warning,) = parse(BACKEND + text, {}).warnings
    assert "tenants.t.keys[0].limits.tokens_per_minute: 900 is less than the 4096 tokens" in str(warning)


@pytest.mark.parametrize(
    "text",
    [
        "alerts: []\n",
        "server: {workers: 4}\n",
    ],
)
def test_what_a_later_version_may_know_is_never_merely_unknown(text: str) -> None:
    found = only(BACKEND + text)
    assert "is not supported by this version" in found
    assert "unknown key" not in found
    assert "hunter2" not in found


@pytest.mark.parametrize("kind", ["azure", "anthropic", "gemini", "bedrock"])
def test_kinds_of_a_later_version(kind: str) -> None:
    text = f"backends: {{b: {{kind: {kind}, url: 'https://x', models: {{m: m}}}}}}"
    assert "is not supported by this version" in only(text)


@pytest.mark.parametrize(
    ("kind", "gpus", "mistake"),
    [
        ("openai", "{usd_per_hour: 2}", "kind must be vllm, sglang or llamacpp"),
        ("vllm", "{count: 2}", "usd_per_hour"),
        ("vllm", "{usd_per_hour: 2, idle: owner}", "idle: owner and owner: TENANT go together"),
        ("vllm", "{usd_per_hour: 2, owner: acme}", "idle: owner and owner: TENANT go together"),
        ("vllm", "{usd_per_hour: -2}", "greater than or equal to 0"),
    ],
)
def test_gpus_are_of_engines_and_have_a_price(kind: str, gpus: str, mistake: str) -> None:
    text = f"backends: {{b: {{kind: {kind}, url: 'https://x', models: {{m: m}}, gpus: {gpus}}}}}"
    assert mistake in only(text + "\nunknown_price: flag\n")


def test_variables_are_filled_in_after_parsing_so_their_content_is_never_structure() -> None:
    text = BACKEND + "admin_key: ${KEY}\nserver: {host: '${HOST:-127.0.0.1}', port: '${PORT:-9000}'}\n"
    settings = accepted(text, {"KEY": "a: {b: [c, 0123456789 #x"}).settings
    assert settings.admin_key is not None
    assert settings.admin_key.get_secret_value() == "a: {b: [c, 0123456789 #x"
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 9000)
    assert accepted(text, {"KEY": "0123456789" * 3, "PORT": "1"}).settings.server.port == 1


def test_variables_stand_in_text_only_and_can_be_written_plainly() -> None:
    text = BACKEND + "tenants: {acme: {cost_center: 'x-${A}-$${A}'}}\n"
    assert accepted(text, {"A": "1"}).settings.tenants["acme"].cost_center == "x-1-${A}"
    assert "unknown key" in only(BACKEND + "'${A}': 1\n", {"A": "cache"})


def test_an_optional_variable_without_content_is_no_value() -> None:
    assert accepted(BACKEND + "admin_key: ${KEY:-}\n").settings.admin_key is None
    assert accepted(BACKEND + "admin_key: ${KEY:-}\n", {"KEY": ""}).settings.admin_key is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("admin_key: ${NOPE}\n", "2:12: admin_key: the environment variable NOPE is not set"),
        ("admin_key: ${EMPTY}\n", "2:12: admin_key: the environment variable EMPTY is set but empty"),
        ("admin_key: '${1X}'\n", "2:12: admin_key: write ${NAME} or ${NAME:-default}"),
        ("admin_key: '${OPEN'\n", "2:12: admin_key: write ${NAME} or ${NAME:-default}"),
    ],
)
def test_variables_that_cannot_be_filled_in(text: str, expected: str) -> None:
    assert only(BACKEND + text, {"EMPTY": ""}) == expected


def test_what_came_from_the_environment_is_never_shown() -> None:
    secret = "sk-live-0123456789"
    for text in (
        "backends: {b: {kind: openai, url: '${S}', models: {m: m}}}",
        BACKEND + "cache: {ttl: '${S}'}",
        BACKEND + "models: {auto: {tiers: ['${S}']}}",
        BACKEND + "ledger: '${S}'",
    ):
        found = mistakes(text, {"S": secret})
        assert found
        assert all(secret not in mistake for mistake in found)
    assert "${S}" in only(BACKEND + "cache: {ttl: '${S}'}", {"S": secret})


def test_credentials_in_an_address_are_not_shown() -> None:
    found = only("backends: {b: {kind: openai, url: 'ftp://me:hunter2@x', models: {m: m}}}")
    assert "hunter2" not in found
    assert "ftp://***@x" in found


def test_a_plain_key_in_place_of_its_hash_is_not_shown() -> None:
    found = only(BACKEND + "tenants: {t: {keys: [{name: k, hash: weir-sk-plain}]}}")
    assert "weir-sk-plain" not in found


TENANTS = f"""\
tenants:
  acme: {{models: [m], keys: [{{name: web, hash: '{HASH}', models: [n]}}, {{name: web, hash: '{OTHER}'}}]}}
  globex: {{models: [m, x], keys: [{{name: web, hash: '{HASH}'}}]}}
"""


def test_names_are_held_against_each_other() -> None:
    text = BACKEND + TENANTS + "models: {auto: {tiers: [m, m, auto], fallback: [zz]}, n: {tiers: [m]}}\n"
    found = [each.split(": ", 1)[1] for each in mistakes(text)]
    assert found == [
        "tenants.acme.keys[0].models[0]: "
        "n is not among the models of tenant acme; a key can only be narrower",
        "tenants.acme.keys[1].name: acme already has a key named web",
        "tenants.globex.models[1]: no model or virtual model is named x",
        "tenants.globex.keys[0].hash: the same key as acme/web; every key is its own",
        "models.auto.tiers[1]: m is already a tier of this route",
        "models.auto.tiers[2]: auto is a virtual model; name a model of a backend here",
        "models.auto.fallback[0]: no backend serves a model zz",
        "models.n: a backend serves a model of this name; a virtual model needs its own",
    ]


def test_rules_that_can_never_hold() -> None:
    rules = """\
models: {auto: {tiers: [m]}}
rules:
  - {when: {}, use: m}
  - {when: {model: m}, use: m}
  - {when: {prompt_tokens_over: 10, prompt_tokens_under: 11}, use: m}
  - {when: {tools: true}, use: auto}
"""
    found = mistakes(BACKEND + rules)
    assert [each.split(": ")[1] for each in found] == [
        "rules[0].when",
        "rules[1].when.model",
        "rules[2].when",
        "rules[3].use",
    ]


def test_tenants_may_live_in_the_key_store() -> None:
    text = BACKEND + "rules: [{when: {tenant: globex}, use: m}]\nmarkup: {tenants: {globex: 1.1}}\n"
    assert len(mistakes(text)) == 2
    assert parse(text, {}, tenants_in_store=lambda settings: {"globex"}).warnings == ()
    unreadable = parse(text, {}, tenants_in_store=lambda settings: None)
    assert len(unreadable.warnings) == 2
    assert "cannot be read" in unreadable.warnings[0].message


def test_a_model_without_a_price_is_questioned() -> None:
    found = mistakes(BACKEND, priced=lambda settings, backend, model: model == "n")
    assert found[0].startswith("1:68: backends.b.models.m: no price is known")
    assert "- {model: m, backend: b, input: 0.00, output: 0.00}" in found[0]
    assert len(found) == 1
    priced = {"priced": lambda settings, backend, model: False}
    rates = "rates: [{model: m, input: 1}, {model: n, backend: b, input: 1}]\n"
    assert parse(BACKEND + rates, {}, **priced).warnings == ()
    later = "rates: [{model: m, input: 1}, {model: n, input: 1, from: 2999-01-01}]\n"
    assert "models.n: no price" in only(BACKEND + later, **priced)
    assert parse(BACKEND + "unknown_price: flag\n", {}, **priced).warnings == ()


def test_rates_that_look_wrong() -> None:
    warned = accepted(
        BACKEND + "rates: [{model: m, input: 0.00000025, output: 0}, {model: mm, input: 1}]\n"
    ).warnings
    assert "looks like a price per token" in warned[0].message
    assert "this rate is never used" in warned[1].message
    assert "no backend is named c" in only(BACKEND + "rates: [{model: m, backend: c, input: 1}]\n")
    twice = "rates: [{model: m, input: 1, from: 2026-01-01}, {model: m, input: 2, from: 2026-01-01}]\n"
    assert "rates[1]: a rate of m for the same backend" in only(BACKEND + twice)


def test_a_key_sent_in_the_clear_is_a_warning() -> None:
    text = "backends: {b: {kind: openai, url: 'http://10.0.0.1/v1', api_key: k, models: {m: m}}}"
    assert "unencrypted to 10.0.0.1" in accepted(text).warnings[0].message
    assert accepted(text.replace("10.0.0.1", "127.0.0.1")).warnings == ()


def test_anchors_share_settings() -> None:
    text = """\
backends:
  a: {kind: vllm, url: 'http://a/v1', models: {m: m}, timeouts: &slow {total: 1h}}
  b: {kind: vllm, url: 'http://b/v1', models: {m: m}, timeouts: *slow}
"""
    assert accepted(text).settings.backends["b"].timeouts.total == 3600


def test_aliases_that_unfold_without_end_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert any("aliases unfold" in mistake for mistake in mistakes("\n".join(lines)))
