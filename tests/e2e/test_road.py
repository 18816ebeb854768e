"""What the road promises beside plain answers: fallback, revocation, isolation, secrets, bad input."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.e2e.place import (
    ADMIN_KEY,
    FAST,
    KEY,
    OTHER_KEY,
    UPSTREAM_KEY,
    Place,
    get,
    running,
)
from tests.fakes.client import post
from tests.fakes.gateway_process import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with running(tmp_path_factory.mktemp("road")) as place:
        yield place


async def test_a_failing_tier_falls_back_within_one_budget_of_attempts(place: Place) -> None:
    answer = await place.chat("falls", "[id:falls]")
    assert answer.status == 200
    assert answer.headers["x-weir-model"] == "good"
    rows = place.rows(answer.headers["x-request-id"], at_least=5)
    assert [(row["attempt"], row["backend"], row["outcome"], row["status"]) for row in rows] == [
        (1, "failing", "upstream_failed", 500),
        (2, "failing", "upstream_failed", 500),
        (3, "dead", "upstream_failed", 0),
        (4, "dead", "upstream_failed", 0),
        (5, "good", "completed", 200),
    ]
    assert [row["cost_nanos"] for row in rows[:4]] == [0, 0, 0, 0]
    assert rows[4]["cost_nanos"] > 0


async def test_the_budget_of_attempts_ends_the_trying(place: Place) -> None:
    answer = await place.chat("failing", "[id:budget]")
    assert answer.status == 502
    assert answer.json()["error"]["code"] == "upstream_status_500"
    most = FAST["per_backend"]
    assert len(place.rows(answer.headers["x-request-id"], at_least=most)) == most


async def test_a_dead_replica_is_passed_over(place: Place) -> None:
    for n in range(4):
        answer = await place.chat("replicas", f"[id:replica{n}]")
        assert answer.status == 200


async def test_an_upstreams_complaint_about_our_key_stays_here(place: Place) -> None:
    direct = await place.chat("secretive", "[id:leak1]")
    assert direct.status == 502
    assert direct.json()["error"]["code"] == "upstream_misconfigured"
    fallen = await place.chat("leaks", "[id:leak2]")
    assert fallen.headers["x-weir-model"] == "good"
    assert b"leaked" not in direct.body + fallen.body


async def test_a_busy_upstream_is_429(place: Place) -> None:
    answer = await place.chat("busy", "[id:busy]")
    assert answer.status == 429
    assert answer.json()["error"]["code"] == "upstream_rate_limited"


async def test_upstream_keys_are_sent_and_never_shown(place: Place) -> None:
    answer = await place.chat("good", "[id:key]")
    arrived = place.upstream.witness.of("key")
    assert [arrival.authorization for arrival in arrived] == [f"Bearer {UPSTREAM_KEY}"]
    shown = [answer.body.decode()]
    for path in ("/admin/config", "/admin/backends"):
        got = await get(place, path)
        assert got.status == 200
        shown.append(got.body.decode())
    assert UPSTREAM_KEY not in "".join(shown) + place.everything_said()
    assert KEY not in place.everything_said()


async def test_rules_come_first_and_named_models_are_honoured(place: Place) -> None:
    ruled = await place.chat("auto", "[id:rule]", headers={"x-weir-tags": "task=hard"})
    assert ruled.headers["x-weir-model"] == "large"
    assert (
        ruled.headers["x-weir-route"].startswith("large; rule:1") or "rule:1" in ruled.headers["x-weir-route"]
    )
    named = await place.chat("good", "[id:named]", headers={"x-weir-tags": "task=hard"})
    assert named.headers["x-weir-model"] == "good"
    assert "explicit" in named.headers["x-weir-route"]


async def test_a_stand_in_is_called_one(place: Place) -> None:
    answer = await place.chat("good", "[id:standin]")
    assert answer.headers["x-weir-route"].endswith("stand-in")
    assert place.rows(answer.headers["x-request-id"])[0]["stand_in"] == 1


async def test_a_decision_explains_itself_when_asked(place: Place) -> None:
    answer = await place.chat("auto", "[id:explain]", headers={"x-weir-route": "explain"})
    told = orjson.loads(answer.headers["x-weir-explain"])
    assert told["route"] == "auto"
    assert [choice["model"] for choice in told["choices"]]
    assert told["choices"][0]["expected_usd"] > 0
    (row,) = place.rows(answer.headers["x-request-id"])
    assert row["gain_model"] == told["gain_model"]
    assert row["route_gain"] == round(told["gain"] * 1e6)
    assert row["route_threshold"] == round(told["threshold"] * 1e6)
    assert row["route_known"] == int(told["known"])
    assert (row["prompt_tokens_estimate"], row["route_needs"]) == (told["details"]["prompt_tokens"], "")


async def test_what_routing_saved_is_the_baseline_minus_the_cost(place: Place) -> None:
    answer = await place.chat("auto", "[id:saved]")
    (row,) = place.rows(answer.headers["x-request-id"])
    assert row["baseline_nanos"] == 10 * row["cost_nanos"]


async def test_tenants_never_share_a_cached_answer(place: Place) -> None:
    first = await place.chat("good", "[id:tenants] the same words")
    again = await place.chat("good", "[id:tenants] the same words")
    other = await place.chat("good", "[id:tenants] the same words", key=OTHER_KEY)
    assert [a.headers["x-weir-cache"] for a in (first, again, other)] == ["miss", "exact", "miss"]
    assert again.body == first.body
    assert len(place.upstream.witness.of("tenants")) == 2
    (hit,) = place.rows(again.headers["x-request-id"])
    assert (hit["outcome"], hit["attempt"], hit["cost_nanos"]) == ("cached", 0, 0)
    assert hit["baseline_nanos"] > 0


@pytest.mark.parametrize("made_streamed", [True, False])
async def test_a_kept_answer_serves_both_forms(place: Place, made_streamed: bool) -> None:
    text = f"[id:forms{made_streamed}]"
    usage = {"stream_options": {"include_usage": True}}
    made = await place.chat("good", text, stream=made_streamed, **(usage if made_streamed else {}))
    plain = await place.chat("good", text)
    streamed = await place.chat("good", text, stream=True, **usage)
    assert made.headers["x-weir-cache"] == "miss"
    assert plain.headers["x-weir-cache"] == streamed.headers["x-weir-cache"] == "exact"
    events = [orjson.loads(event) for event in streamed.events()[:-1]]
    assert streamed.events()[-1] == b"[DONE]"
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert events[-1]["usage"]["cost"] == 0
    said = "".join(e["choices"][0]["delta"].get("content") or "" for e in events if e["choices"])
    assert said == plain.json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("headers", "statuses"),
    [({"cache-control": "no-cache"}, "bypass"), ({"cache-control": "no-store"}, "bypass")],
)
async def test_cache_control_is_obeyed(place: Place, headers: dict[str, str], statuses: str) -> None:
    text = f"[id:control{headers['cache-control']}]"
    await place.chat("good", text)
    again = await place.chat("good", text, headers=headers)
    assert again.headers["x-weir-cache"] == statuses
    assert len(place.upstream.witness.of(text[4:-1])) == 2


async def test_a_key_made_by_management_works_and_its_revocation_holds_within_a_second(place: Place) -> None:
    root = place.gateway.base_url.removesuffix("/v1")
    made = await post(f"{root}/admin/tenants", {"name": "three"}, key=ADMIN_KEY)
    assert made.status in (200, 201), made.body
    made = await post(f"{root}/admin/keys", {"tenant": "three", "name": "k"}, key=ADMIN_KEY)
    assert made.status in (200, 201), made.body
    key = made.json()["key"]
    assert (await place.chat("good", "[id:made]", key=key)).status == 200
    command = [sys.executable, "-m", "gateway.cli", "keys", "revoke", "three", "k"]
    command += ["--config", str(place.folder / "weir.yaml")]
    environment = {"FAKE_UPSTREAM_KEY": UPSTREAM_KEY, "PATH": "/usr/bin:/bin"}
    await asyncio.to_thread(subprocess.run, command, check=True, cwd=ROOT, env=environment)
    revoked_at = time.monotonic()
    while (await place.chat("good", "[id:made]", key=key)).status != 401:
        assert time.monotonic() - revoked_at < 1.0
    assert (await place.chat("good", "[id:made]", key=key)).json()["error"]["code"] == "revoked_api_key"


@pytest.mark.parametrize(
    ("path", "body", "more", "status", "code"),
    [
        ("/chat/completions", b"{", {}, 400, "invalid_json"),
        ("/chat/completions", b"[" * 5000, {}, 400, None),
        (
            "/chat/completions",
            b'{"model":"good","x":' + b"[" * 200 + b"]" * 200 + b"}",
            {},
            400,
            "nested_too_deeply",
        ),
        ("/chat/completions", b"x" * 20_000_001, {}, 413, "body_too_large"),
        (
            "/chat/completions",
            {},
            {"headers": {"content-type": "text/plain"}},
            415,
            "unsupported_content_type",
        ),
        ("/chat/completions", {"model": "good"}, {"key": None}, 401, "missing_api_key"),
        ("/chat/completions", {"model": "good"}, {"key": "weir-sk-wrong"}, 401, "invalid_api_key"),
        ("/chat/completions", {"model": "nope", "messages": [{"role": "user"}]}, {}, 404, "model_not_found"),
        ("/completions", {"model": "good"}, {}, 400, "missing_field"),
        ("/embeddings", {"model": "good", "input": [[]]}, {}, 400, "wrong_type"),
        ("/nowhere", {}, {}, 404, "unknown_path"),
        ("/chat/completions", b"", {"method": "DELETE"}, 405, "method_not_allowed"),
    ],
)
async def test_bad_input_is_told_plainly_and_loses_nothing(
    place: Place, path: str, body: Any, more: dict[str, Any], status: int, code: str | None
) -> None:
    for base in (place.gateway.base_url, place.gateway.base_url.removesuffix("/v1")):
        answer = await post(base + path, body, **{"key": KEY, **more})
        assert answer.status == status, answer.body
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert code is None or error["code"] == code
        assert answer.headers["x-request-id"].startswith("req_")
    assert (await place.chat("good", "[id:after]")).status == 200


async def test_metrics_count_what_happened_and_nothing_unbounded(place: Place) -> None:
    await place.chat("invented-by-a-client", "[id:unbounded]")
    text = (await get(place, "/metrics")).body.decode()
    assert 'weir_requests_total{api="chat.completions",model="good",outcome="completed"' in text
    assert 'model="other"' in text
    assert "invented-by-a-client" not in text
    assert 'weir_backend_up{backend="good"' in text


async def test_a_rule_is_not_undone_by_the_cache(place: Place) -> None:
    plain = await place.chat("auto", "[id:ruled] twin")
    ruled = await place.chat("auto", "[id:ruled] twin", headers={"x-weir-tags": "task=hard"})
    assert plain.headers["x-weir-model"] == "good"
    assert (ruled.headers["x-weir-model"], ruled.headers["x-weir-cache"]) == ("large", "miss")


async def test_max_age_bounds_what_is_served(place: Place) -> None:
    await place.chat("good", "[id:age]")
    assert (await place.chat("good", "[id:age]", headers={"cache-control": "max-age=60"})).headers[
        "x-weir-cache"
    ] == "exact"
    assert (await place.chat("good", "[id:age]", headers={"cache-control": "max-age=0"})).headers[
        "x-weir-cache"
    ] == "miss"


async def test_a_client_that_stops_reading_does_not_hold_its_upstream(place: Place) -> None:
    body = orjson.dumps(
        {"model": "hurried", "stream": True, "messages": [{"role": "user", "content": "[id:stuck]"}]}
    )
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", place.gateway.port, limit=1024)
    writer.write(head.encode() + body)
    await writer.drain()
    await place.upstream.witness.first_arrival("stuck")
    (arrival,) = place.upstream.witness.of("stuck")
    deadline = time.monotonic() + 8
    while '"model":"hurried"' not in place.everything_said():
        assert time.monotonic() < deadline, "the request is still under way"
        await asyncio.sleep(0.05)
    line = next(line for line in place.everything_said().splitlines() if '"model":"hurried"' in line)
    assert orjson.loads(line)["outcome"] == "client_gone"
    assert not arrival.completed, "the upstream was let go of in the middle"
    writer.close()


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/", "/nowhere", "/v1/models"])
async def test_every_answer_names_its_request(place: Place, path: str) -> None:
    answer = await get(place, path, key=KEY)
    assert answer.headers["x-request-id"].startswith("req_")
