"""POST /v1/feedback: what a client thinks of an answer, by the answer's `x-request-id`.

It is stored under the tenant of the key and joined with requests of that tenant when a report is made. So no
key learns whether a request id of somebody else exists: it is taken, and never meets anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.answering import json_headers
from gateway.api.read import check_content_type, optional, parse_json, required
from gateway.errors import BadRequest
from gateway.front.client import Client, ClientLeft
from gateway.services import Services
from metering.quality.rows import FeedbackRow

MAX_BODY_BYTES = 16_000
MAX_COMMENT_CHARS = 1_000
MAX_DEPTH = 8
THUMBS = {"up": 1.0, "down": 0.0}
_FIELDS = ("request_id", "score", "thumbs", "comment")
_REQUEST_ID = re.compile(r"req_[0-7][0-9A-HJKMNP-TV-Z]{25}")


async def give_feedback(services: Services, client: Client) -> None:
    """Raises BadRequest naming the field; Unauthorized; Unavailable."""
    caller = services.identify(client.header(b"authorization"), client.header(b"x-api-key"))
    check_content_type(client.header(b"content-type"), client.header(b"content-encoding"))
    try:
        body_given = await client.body(MAX_BODY_BYTES)
    except ClientLeft:
        return
    fields = parse_json(body_given, MAX_DEPTH)
    request_id, score, comment = read_feedback(fields)
    at_us = services.clock.wall_ns() // 1000
    await services.quality.feedback(FeedbackRow(caller.tenant, caller.key, request_id, at_us, score, comment))
    body = {"object": "feedback", "request_id": request_id, "score": score}
    client.answer(200, json_headers(services.clock), orjson.dumps(body))


def read_feedback(fields: Mapping[str, Any]) -> tuple[str, float, str]:
    """(request id, score from 0 to 1, comment). Raises BadRequest."""
    for name in fields:
        if name not in _FIELDS:
            raise BadRequest(f"{name[:64]} is not known; it takes {', '.join(_FIELDS)}.", param=name[:64])
    request_id = required(fields, "request_id", (str,))
    if not _REQUEST_ID.fullmatch(request_id):
        raise BadRequest(
            "request_id: give the x-request-id of an answer, `req_` and 26 characters.",
            param="request_id",
            code="wrong_value",
        )
    comment = optional(fields, "comment", str) or ""
    if len(comment) > MAX_COMMENT_CHARS:
        raise BadRequest(
            f"comment: at most {MAX_COMMENT_CHARS} characters.", param="comment", code="wrong_value"
        )
    return request_id, _score(fields), comment.replace("\x00", "")


def _score(fields: Mapping[str, Any]) -> float:
    score, thumbs = fields.get("score"), fields.get("thumbs")
    if (score is None) == (thumbs is None):
        raise BadRequest("Give exactly one of score (0 to 1) and thumbs (up, down).", param="score")
    if thumbs is not None:
        if not isinstance(thumbs, str) or thumbs not in THUMBS:
            raise BadRequest("thumbs must be up or down.", param="thumbs", code="wrong_value")
        return THUMBS[thumbs]
    if not isinstance(score, (int, float)) or isinstance(score, bool) or not 0 <= score <= 1:
        raise BadRequest("score must be a number from 0 to 1.", param="score", code="wrong_value")
    return float(score)
