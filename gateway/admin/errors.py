"""Failures of management in the gateway's one error shape, FastAPI's own included."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route

from gateway.books_desk import UnknownTenant
from gateway.errors import (
    BadRequest,
    GatewayError,
    NotFound,
    Unavailable,
    WrongContentType,
    WrongMethod,
)
from gateway.keystore import BadName, KeyStoreError, KeyStoreUnavailable, NameTaken, NoSuchName
from gateway.problems import ConfigError
from metering.audit.entry import AuditUnavailable
from metering.books.errors import BadEntry, BooksError, CannotClose, ClosedMonth, NoSuchStatement
from metering.books.months import BadMonth
from metering.ledger import LedgerError
from metering.periods import ReportError

_KEY_STORE: dict[type[KeyStoreError], tuple[type[GatewayError], str]] = {
    NameTaken: (BadRequest, "name_taken"),
    BadName: (BadRequest, "bad_name"),
    NoSuchName: (NotFound, "no_such_name"),
    KeyStoreUnavailable: (Unavailable, "key_store_unavailable"),
}

_BOOKS: dict[type[BooksError], tuple[type[GatewayError], str]] = {
    ClosedMonth: (BadRequest, "month_closed"),
    CannotClose: (BadRequest, "month_not_closable"),
    BadEntry: (BadRequest, "bad_entry"),
    UnknownTenant: (BadRequest, "no_such_name"),
    NoSuchStatement: (NotFound, "no_such_statement"),
}


def install(app: FastAPI) -> None:
    app.add_exception_handler(GatewayError, _gateway)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(KeyStoreError, _key_store)
    app.add_exception_handler(LedgerError, _ledger)
    app.add_exception_handler(AuditUnavailable, _audit)
    app.add_exception_handler(ReportError, _report)
    app.add_exception_handler(BooksError, _books)
    app.add_exception_handler(BadMonth, _month)
    app.add_exception_handler(ConfigError, _config)
    app.add_exception_handler(Exception, _defect)


def respond(error: GatewayError) -> Response:
    response = Response(error.body(), error.http_status, media_type="application/json")
    for name, value in error.headers:
        response.headers[name.decode()] = value.decode()
    return response


async def _gateway(request: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)
    return respond(error)


async def _validation(request: Request, error: Exception) -> Response:
    """The first mistake names the field; what was sent is not repeated."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    if first["type"] == "json_invalid":
        return respond(BadRequest("The body is not valid JSON.", code="invalid_json"))
    if first["type"] in {"model_attributes_type", "dict_type"} and not where:
        return respond(WrongContentType("Send a JSON object as application/json."))
    param = ".".join(where) or None
    message = first["msg"].removeprefix("Value error, ")
    return respond(BadRequest(f"{param}: {message}" if param else message, param=param))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, GatewayError):  # FastAPI wraps what a body's reading raises
        return respond(error.__cause__)
    path = request.url.path[:200]
    if error.status_code == 404:
        return respond(NotFound(f"There is nothing at {path!r}.", code="unknown_path"))
    if error.status_code == 405:
        allowed = ", ".join(sorted(_methods(request)))
        message = f"{path} does not take {request.method}; it takes {allowed}."
        return respond(WrongMethod(message, headers=((b"allow", allowed.encode()),)))
    return respond(BadRequest(str(error.detail)))


def _methods(request: Request) -> set[str]:
    """All that this path takes: each FastAPI route knows only its own."""
    routes = (route for route in request.app.routes if isinstance(route, Route))
    return {
        method
        for route in routes
        if route.path_regex.match(request.url.path)
        for method in route.methods or ()
    }


async def _key_store(request: Request, error: Exception) -> Response:
    assert isinstance(error, KeyStoreError)
    make, code = _KEY_STORE[type(error)]
    return respond(make(f"{error}.", code=code))


async def _ledger(request: Request, error: Exception) -> Response:
    return respond(Unavailable(f"{error}.", code="ledger_unavailable"))


async def _audit(request: Request, error: Exception) -> Response:
    message = f"{error}. What the audit log cannot hold is not done."
    return respond(Unavailable(message, code="audit_unavailable"))


async def _report(request: Request, error: Exception) -> Response:
    return respond(BadRequest(f"{error}."))


async def _books(request: Request, error: Exception) -> Response:
    assert isinstance(error, BooksError)
    make, code = _BOOKS.get(type(error), (BadRequest, "month_closed"))
    return respond(make(f"{error}.", code=code))


async def _month(request: Request, error: Exception) -> Response:
    return respond(BadRequest(f"{error}.", param="month"))


async def _config(request: Request, error: Exception) -> Response:
    return respond(BadRequest(f"The old configuration stays in force.\n{error}", code="config_invalid"))


async def _defect(request: Request, error: Exception) -> Response:
    """Starlette raises the error again after this answer, so that the server logs it."""
    return respond(GatewayError("The gateway failed; its log says how."))
