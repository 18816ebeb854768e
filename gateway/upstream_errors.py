"""What an upstream's failure looks like to a client: told plainly, without the gateway's own secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.attempts import Verdict
from gateway.errors import GatewayError, UpstreamBusy, UpstreamError, UpstreamRejected
from gateway.streams import MalformedStream
from gateway.transport.base import ConnectFailed, Cut, FirstByteTimeout, IdleTimeout, TotalTimeout


class AttemptFailed(Exception):
    """The attempt is settled; `error` is what the client would see if nothing else is tried."""

    def __init__(self, error: GatewayError, verdict: Verdict, retry_after_s: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.verdict = verdict
        self.retry_after_s = retry_after_s


_CODES: dict[type[Exception], str] = {
    ConnectFailed: "upstream_connect_failed",
    FirstByteTimeout: "upstream_first_byte_timeout",
    IdleTimeout: "upstream_idle_timeout",
    TotalTimeout: "upstream_total_timeout",
    Cut: "upstream_cut",
    MalformedStream: "upstream_malformed",
}


def failure_code(failure: Exception) -> str:
    return _CODES.get(type(failure), "upstream_no_answer")


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def rejected(status: int, payload: Mapping[str, Any]) -> GatewayError:
    """The upstream's own words in OpenAI's shape, whichever shape they came in."""
    given = payload.get("error", payload)
    error: Mapping[str, Any] = given if isinstance(given, dict) else {"message": given}
    message, code, param = error.get("message") or error.get("detail"), error.get("code"), error.get("param")
    return UpstreamRejected(
        message
        if isinstance(message, str) and message
        else f"The backend refused the request (status {status}).",
        status=status,
        error_type=error["type"] if isinstance(error.get("type"), str) else "invalid_request_error",
        param=param if isinstance(param, str) else None,
        code=None if code is None else str(code),
    )


def status_error(backend: str, status: int, body: bytes, verdict: Verdict) -> GatewayError:
    """Of a status that is no success."""
    if verdict is Verdict.PASS_ON:
        return rejected(status, _json_object(body))
    if status == 429:
        return UpstreamBusy(f"The backend {backend} is rate limited.")
    if verdict is Verdict.FALL_BACK:  # its words may hold the gateway's own key
        return UpstreamError(
            f"The backend {backend} refused the gateway (status {status}); its operator must look into it.",
            code="upstream_misconfigured",
        )
    return UpstreamError(
        f"The backend {backend} failed with status {status}.", code=f"upstream_status_{status}"
    )
