"""Every way a request can fail, and the only maker of OpenAI's error object.

    GatewayError
    ├── BadRequest              400  the client's JSON, a field, a value
    │   ├── BodyTooLarge        413
    │   ├── HeadTooLarge        431
    │   ├── WrongContentType    415
    │   └── NothingFits         400  no candidate has the capability or the context window
    ├── Unauthorized            401  no key, unknown key, expired or revoked key
    ├── BudgetExceeded          402  a budget has no room for what the request may cost
    ├── Forbidden               403  the key is good, but not for this
    ├── NotFound                404  unknown path or model
    ├── WrongMethod             405
    ├── LimitReached            429  requests or tokens per minute, or requests at once
    ├── Unavailable             503  draining, key store down, no healthy backend
    └── UpstreamError           502  what a backend did, told without its secrets
        ├── UpstreamBusy        429  the backend said 429 to every attempt
        ├── UpstreamTimeout     504
        └── UpstreamRejected    4xx  the backend refused the request itself: its status is passed on

Lower layers (transport, cache, router, metering) raise their own types; `gateway` translates them here.
"""

from __future__ import annotations

from typing import ClassVar

import orjson


class GatewayError(Exception):
    """A failure with everything a client needs to see: status, type, code, param, and a message that
    names the cause."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str | None] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.error_code = code if code is not None else self.code
        self.headers = headers

    @property
    def http_status(self) -> int:
        return self.status

    def body(self) -> bytes:
        return error_body(self.message, type=self.type, param=self.param, code=self.error_code)


class BadRequest(GatewayError):
    status, type, code = 400, "invalid_request_error", "invalid_request"


class BodyTooLarge(BadRequest):
    status, code = 413, "body_too_large"


class HeadTooLarge(BadRequest):
    status, code = 431, "head_too_large"


class WrongContentType(BadRequest):
    status, code = 415, "unsupported_content_type"


class NothingFits(BadRequest):
    code = "nothing_fits"


class Unauthorized(GatewayError):
    status, type, code = 401, "authentication_error", "invalid_api_key"


class BudgetExceeded(GatewayError):
    status, type, code = 402, "insufficient_quota", "budget_exceeded"


class LimitReached(GatewayError):
    status, type, code = 429, "rate_limit_error", "rate_limit_exceeded"


class Forbidden(GatewayError):
    status, type, code = 403, "permission_error", "not_allowed"


class NotFound(GatewayError):
    status, type, code = 404, "invalid_request_error", "not_found"


class WrongMethod(GatewayError):
    status, type, code = 405, "invalid_request_error", "method_not_allowed"


class Unavailable(GatewayError):
    status, type, code = 503, "server_error", "unavailable"


class UpstreamError(GatewayError):
    status, type, code = 502, "upstream_error", "upstream_error"


class UpstreamBusy(UpstreamError):
    status, type, code = 429, "rate_limit_error", "upstream_rate_limited"


class UpstreamTimeout(UpstreamError):
    status, code = 504, "upstream_timeout"


class UpstreamRejected(UpstreamError):
    """The backend judged the request itself and refused it; its status and its words are passed on."""

    type, code = "invalid_request_error", "upstream_rejected"

    def __init__(
        self, message: str, *, status: int, error_type: str, param: str | None, code: str | None
    ) -> None:
        super().__init__(message, param=param)
        self.error_code = code
        self._status = status
        self._type = error_type

    @property
    def http_status(self) -> int:
        return self._status

    def body(self) -> bytes:
        return error_body(self.message, type=self._type, param=self.param, code=self.error_code)


def error_body(message: str, *, type: str, param: str | None, code: str | None) -> bytes:
    """OpenAI's error object, all four keys always."""
    return orjson.dumps({"error": {"message": message, "type": type, "param": param, "code": code}})


def error_event(error: GatewayError) -> bytes:
    """The same object as one server-sent event, for a stream that has already begun."""
    return b"data: " + error.body() + b"\n\n"
