"""Vendors' cost and usage reports over their APIs, page by page, as the bytes that the importers read.

With the standard library's urllib: a command asks a few dozen pages one after the other, has no event loop to
hold up, and needs proxies and certificates as everybody has them set. The gateway's own client is made for
another life. Keys go into a header and nowhere else: no redirect is followed, none is shown.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from http.client import HTTPException, HTTPMessage
from typing import IO, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from gateway.config import LOOPBACK_HOSTS

TIMEOUT_S = 60.0
MAX_PAGES = 10_000
MAX_PAGE_BYTES = 64 << 20
MAX_FILE_BYTES = 2 << 30
_TRIES = 5
_LONGEST_WAIT_S = 60.0
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504, 529})
_SHOWN = 300


class FetchFailed(Exception):
    """The vendor did not answer with a report. The message names the address, never a key."""


class Page(NamedTuple):
    name: str
    """The report's path and the page's number, for messages."""
    data: bytes


class Report(NamedTuple):
    """One paged report of a vendor."""

    path: str
    parameters: Sequence[tuple[str, str]]


class Vendor(NamedTuple):
    base_url: str
    key_variable: str
    headers: Callable[[str], Mapping[str, str]]
    reports: Callable[[date, date], list[Report]]


def _openai_reports(first: date, last: date) -> list[Report]:
    span = [("start_time", str(_seconds(first))), ("end_time", str(_seconds(last + timedelta(days=1))))]
    daily = [*span, ("bucket_width", "1d"), ("group_by", "project_id")]
    by_item = [*daily, ("group_by", "line_item"), ("limit", "180")]
    by_model = [*daily, ("group_by", "model"), ("limit", "31")]
    return [
        Report("/v1/organization/costs", by_item),
        Report("/v1/organization/usage/completions", by_model),
        Report("/v1/organization/usage/embeddings", by_model),
    ]


def _anthropic_reports(first: date, last: date) -> list[Report]:
    until = last + timedelta(days=1)
    span = [("starting_at", f"{first}T00:00:00Z"), ("ending_at", f"{until}T00:00:00Z")]
    daily = [*span, ("bucket_width", "1d"), ("limit", "31"), ("group_by[]", "workspace_id")]
    return [
        Report("/v1/organizations/cost_report", [*daily, ("group_by[]", "description")]),
        Report("/v1/organizations/usage_report/messages", [*daily, ("group_by[]", "model")]),
    ]


VENDORS: Mapping[str, Vendor] = {
    "openai": Vendor(
        "https://api.openai.com",
        "OPENAI_ADMIN_KEY",
        lambda key: {"authorization": f"Bearer {key}"},
        _openai_reports,
    ),
    "anthropic": Vendor(
        "https://api.anthropic.com",
        "ANTHROPIC_ADMIN_KEY",
        lambda key: {"x-api-key": key, "anthropic-version": "2023-06-01"},
        _anthropic_reports,
    ),
}


def fetch_reports(
    vendor: str,
    key: str,
    first: date,
    last: date,
    *,
    base_url: str = "",
    wait: Callable[[float], None] = time.sleep,
) -> list[Page]:
    """Costs and usage of these UTC days, the last included. Blocks. Raises FetchFailed."""
    known = VENDORS[vendor]
    base = _checked(base_url or known.base_url)
    client = _Client({**known.headers(key), "accept": "application/json"}, wait)
    return [page for report in known.reports(first, last) for page in _pages(client, base, report)]


def fetch_file(url: str, *, wait: Callable[[float], None] = time.sleep) -> bytes:
    """A file at an address that needs no key of ours. Blocks. Raises FetchFailed."""
    return _Client({}, wait).get(_checked(url), MAX_FILE_BYTES)


def _pages(client: _Client, base: str, report: Report) -> Iterator[Page]:
    following = ""
    for number in range(1, MAX_PAGES + 1):
        parameters = [*report.parameters, *([("page", following)] if following else [])]
        data = client.get(f"{base}{report.path}?{urlencode(parameters)}", MAX_PAGE_BYTES)
        name = f"{report.path} page {number}"
        yield Page(name, data)
        following = _next_page(name, data)
        if not following:
            return
    raise FetchFailed(f"{report.path}: more than {MAX_PAGES} pages")


def _next_page(name: str, data: bytes) -> str:
    """'' on the last one."""
    try:
        page = json.loads(data)
    except ValueError as error:
        raise FetchFailed(f"{name}: the answer is not JSON") from error
    if not isinstance(page, dict):
        raise FetchFailed(f"{name}: the answer is no page of a report")
    if not page.get("has_more"):
        return ""
    following = page.get("next_page")
    if not isinstance(following, str) or not following:
        raise FetchFailed(f"{name}: there is more, and next_page does not say where")
    return following


class _Client:
    def __init__(self, headers: Mapping[str, str], wait: Callable[[float], None]) -> None:
        self._headers = headers
        self._wait = wait
        self._opener = urllib.request.build_opener(_NoRedirects)

    def get(self, url: str, most_bytes: int) -> bytes:
        """Tried again where the vendor asks for patience. Raises FetchFailed."""
        shown = url.partition("?")[0]
        for tried in range(1, _TRIES + 1):
            try:
                with self._opener.open(
                    urllib.request.Request(url, headers=dict(self._headers)), timeout=TIMEOUT_S
                ) as answer:
                    data: bytes = answer.read(most_bytes + 1)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in _TRY_AGAIN or tried == _TRIES:
                        raise FetchFailed(f"{shown}: status {error.code}{_said(error)}") from None
                    self._wait(_patience_s(error.headers, tried))
            except (OSError, HTTPException) as error:
                if tried == _TRIES:
                    raise FetchFailed(f"{shown}: {error}") from error
                self._wait(float(tried))
            else:
                if len(data) > most_bytes:
                    raise FetchFailed(f"{shown}: more than {most_bytes >> 20} MiB")
                return data
        raise FetchFailed(f"{shown}: no answer")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the key along to wherever it points."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def _said(error: urllib.error.HTTPError) -> str:
    """The vendor's own words, if it has some."""
    try:
        body: Any = json.loads(error.read(10_000))
        message = body["error"]["message"]
    except (ValueError, KeyError, TypeError, OSError):
        return ""
    return ": " + "".join(char if char.isprintable() else "?" for char in str(message)[:_SHOWN])


def _patience_s(headers: Message, tried: int) -> float:
    try:
        asked = float(headers.get("retry-after", ""))
    except ValueError:
        asked = float(2**tried)
    return min(max(asked, 0.0), _LONGEST_WAIT_S)


def _checked(url: str) -> str:
    """Without a slash at the end. Keys and invoices travel encrypted, or not beyond this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS):
        return url.rstrip("/")
    raise FetchFailed(f"{url.partition('?')[0]}: write an https:// address")


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
