"""The paths that every dialect here shares."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.call import Api

PATHS: Mapping[Api, str] = {
    Api.CHAT: "/chat/completions",
    Api.COMPLETIONS: "/completions",
    Api.EMBEDDINGS: "/embeddings",
}
