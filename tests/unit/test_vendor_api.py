"""Vendors' reports over their APIs, from a server on this machine that speaks as they do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.cli import main
from gateway.vendor_api import FetchFailed, fetch_file, fetch_reports
from metering.ledger_url import open_ledger
from metering.reconcile.detect import VendorFile, read_file
from metering.reconcile.line import merged
from tests.fakes.vendor_bill import Use, anthropic, day_at, openai

KEY = "sk-admin-very-secret"
FIRST, LAST = date(2026, 10, 1), date(2026, 10, 2)
USES = [
    Use(day_at(0), "gpt-5-mini", "input", 1000, 250_000),
    Use(day_at(1), "gpt-5-mini", "output", 10, 20_000),
]


class Vendor:
    """Answers each path with its pages, one bucket each; remembers what it was asked."""

    def __init__(self, pages: dict[str, list[bytes]]) -> None:
        self.pages = pages
        self.asked: list[tuple[str, list[tuple[str, str]], dict[str, str]]] = []
        self.refusals: list[tuple[int, dict[str, str], bytes]] = []

    def answer(
        self, path: str, query: list[tuple[str, str]], headers: dict[str, str]
    ) -> tuple[int, Any, bytes]:
        self.asked.append((path, query, headers))
        if self.refusals:
            return self.refusals.pop(0)
        if path not in self.pages:
            return 404, {}, b'{"error": {"message": "no such report"}}'
        return 200, {}, self.pages[path][int(dict(query).get("page", "0"))]


@contextmanager
def serving(vendor: Vendor) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, body = vendor.answer(parts.path, parse_qsl(parts.query), headers)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def paged(file: VendorFile) -> list[bytes]:
    """A page per bucket."""
    buckets = json.loads(file.data)["data"]
    pages = []
    for at, bucket in enumerate(buckets):
        more = at + 1 < len(buckets)
        page = {"data": [bucket], "has_more": more, "next_page": str(at + 1) if more else None}
        pages.append(json.dumps(page).encode())
    return pages


EMPTY = [b'{"data": [], "has_more": false, "next_page": null}']


def as_openai() -> Vendor:
    costs, usage = openai(USES)
    paths = ("costs", "usage/completions", "usage/embeddings")
    full = [f"/v1/organization/{path}" for path in paths]
    return Vendor(dict(zip(full, (paged(costs), paged(usage), EMPTY), strict=True)))


def test_every_page_is_asked_for_and_says_what_a_file_says() -> None:
    vendor = as_openai()
    with serving(vendor) as url:
        pages = fetch_reports("openai", KEY, FIRST, LAST, base_url=url)
    assert len(pages) == 5
    lines = merged(read_file(VendorFile(*page), "openai") for page in pages).lines
    plain = merged(read_file(file) for file in openai(USES)).lines
    assert [line._replace(reference="") for line in lines] == [line._replace(reference="") for line in plain]
    path, query, headers = vendor.asked[0]
    assert (path, dict(query)["start_time"], dict(query)["end_time"]) == (
        *("/v1/organization/costs", "1790812800", "1790985600"),
    )
    assert [value for name, value in query if name == "group_by"] == ["project_id", "line_item"]
    assert headers["authorization"] == f"Bearer {KEY}"


def test_anthropic_is_asked_in_its_own_way() -> None:
    costs, usage = anthropic(USES)
    paths = ("/v1/organizations/cost_report", "/v1/organizations/usage_report/messages")
    vendor = Vendor(dict(zip(paths, (paged(costs), paged(usage)), strict=True)))
    with serving(vendor) as url:
        pages = fetch_reports("anthropic", KEY, FIRST, LAST, base_url=f"{url}/")
    assert [page.name for page in pages] == [f"{path} page {number}" for path in paths for number in (1, 2)]
    _, query, headers = vendor.asked[0]
    assert (headers["x-api-key"], headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert dict(query)["ending_at"] == "2026-10-03T00:00:00Z"


def test_patience_is_had_where_it_is_asked_for() -> None:
    vendor, waits = as_openai(), list[float]()
    vendor.refusals = [(429, {"retry-after": "7"}, b""), (503, {}, b""), (500, {"retry-after": "9999"}, b"")]
    with serving(vendor) as url:
        fetch_reports("openai", KEY, FIRST, LAST, base_url=url, wait=waits.append)
    assert waits == [7.0, 4.0, 60.0]


def refused(vendor: Vendor) -> str:
    with serving(vendor) as url, pytest.raises(FetchFailed) as caught:
        fetch_reports("openai", KEY, FIRST, LAST, base_url=url, wait=lambda seconds: None)
    return str(caught.value)


def test_a_refusal_is_told_in_the_vendors_words_and_never_with_the_key() -> None:
    vendor = as_openai()
    vendor.refusals = [(401, {}, b'{"error": {"message": "Incorrect API key"}}')]
    told = refused(vendor)
    assert told.endswith("/v1/organization/costs: status 401: Incorrect API key")
    assert KEY not in told
    vendor.refusals = [(503, {}, b"")] * 5
    assert refused(vendor).endswith("status 503")


def test_the_key_follows_no_redirect() -> None:
    vendor, elsewhere = as_openai(), as_openai()
    with serving(elsewhere) as there:
        vendor.refusals = [(302, {"location": f"{there}/v1/organization/costs"}, b"")]
        assert refused(vendor).endswith("status 302")
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (b"<html>", "page 1: the answer is not JSON"),
        (b"[]", "page 1: the answer is no page of a report"),
        (b'{"data": [], "has_more": true, "next_page": null}', "next_page does not say where"),
    ],
)
def test_an_answer_that_is_no_page_is_told(page: bytes, told: str) -> None:
    assert told in refused(Vendor({"/v1/organization/costs": [page]}))


def test_nobody_there_and_plain_http_are_told() -> None:
    with serving(as_openai()) as url:
        gone = url
    with pytest.raises(FetchFailed, match="refused"):
        fetch_reports("openai", KEY, FIRST, LAST, base_url=gone, wait=lambda seconds: None)
    with pytest.raises(FetchFailed, match="write an https:// address"):
        fetch_file("http://vendor.example/costs.json")


def test_the_command_asks_with_the_key_of_its_environment(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = f"sqlite:///{tmp_path}/weir.db"
    with closing(open_ledger(ledger)):
        config = tmp_path / "weir.yaml"
    config.write_text(
        f"ledger: {ledger}\n"
        "backends: {up: {kind: openai, url: 'https://up.example/v1', models: {m: gpt-5-mini}}}\n"
    )
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEY)
    days = ["--from", str(FIRST), "--to", str(LAST)]
    with serving(as_openai()) as url:
        code = main(
            ["reconcile", "--api", "openai", "--api-url", url, *days, "--json", "--config", str(config)]
        )
    told = capsys.readouterr()
    assert (code, KEY in told.out + told.err) == (0, False), told.err
    found = json.loads(told.out)
    assert {kind: amount["nanos"] for kind, amount in found["classes"].items()} == {
        "bypassed": 270_000,
        "unexplained": 0,
    }
    assert found["coverage_percent"] == 0
