"""Keeps the key registry in step with the key store, so that a revocation made anywhere holds here at once.

A thread of its own asks the store for its version every quarter of a second, one question at a time. While
the store cannot be read, it asks once a second and the last registry goes on serving; before it ever could
be, unknown keys are answered 503.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.config import GatewaySettings
from gateway.keydirectory import build_registry
from gateway.keystore import KeyStore, KeyStoreUnavailable, StoredKeys
from gateway.tenants import Caller, key_from_headers

POLL_S = 0.25
AWAY_POLL_S = 1.0
"""A server that comes back must not be met by a crowd."""


@dataclass(frozen=True, slots=True)
class KeyStatus:
    readable: bool
    """The store could be read at the last attempt."""
    ever_read: bool
    problem: str
    """Why not, or which names stand both in the file and in the store (then the file holds); else ''."""
    keys: int


class KeyWatcher:
    """Owns the registry in force. `identify` may be called from any thread; the rest are for its owner."""

    def __init__(
        self,
        store: KeyStore,
        settings: GatewaySettings,
        clock: Clock,
        *,
        interval_s: float = POLL_S,
        on_change: Callable[[KeyStatus], None] = lambda status: None,
    ) -> None:
        """`on_change` hears, from the watching thread, when the store is lost and found and when other names
        stand in both places: once per change of state, not once per poll or per cause."""
        self._store = store
        self._settings = settings
        self._clock = clock
        self._interval_s = interval_s
        self._on_change = on_change
        self._stored: StoredKeys | None = None
        self._trouble = "it has not been read yet"
        self._told = ""
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.registry, _ = build_registry(settings, None, unreadable=self._trouble)
        self.status = KeyStatus(False, False, "", len(self.registry))

    def identify(self, authorization: bytes | None, x_api_key: bytes | None) -> Caller:
        """Raises Unauthorized, or Unavailable while keys cannot be read."""
        return self.registry.identify(
            key_from_headers(authorization, x_api_key), self._clock.wall_ns() // 1000
        )

    def use(self, settings: GatewaySettings) -> None:
        """After a reload of the file."""
        with self._turn:
            self._settings = settings
            self._rebuild()

    def conflicts(self, settings: GatewaySettings) -> tuple[str, ...]:
        """Names that stand in these settings and in the store: a reason not to start, or not to reload."""
        return build_registry(settings, self._stored)[1]

    def refresh(self) -> None:
        """Looks now. Never raises for a store that cannot be read."""
        with self._turn:
            try:
                fresh = self._look()
            except KeyStoreUnavailable as error:
                fresh, self._trouble = str(error) != self._trouble, str(error)
            if fresh:
                self._rebuild()

    def start(self) -> None:
        """Reads once, making the tables if need be, and goes on watching."""
        self.refresh()
        self._thread = threading.Thread(target=self._watch, name="weir-keys", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._store.close()

    def _watch(self) -> None:
        while not self._stopping.wait(self._pause_s()):
            self.refresh()

    def _pause_s(self) -> float:
        return self._interval_s if self.status.readable else max(self._interval_s, AWAY_POLL_S)

    def _look(self) -> bool:
        """Whether there is something new to serve by."""
        if self._stored is None:
            self._store.create_schema()
        elif self._store.version() == self._stored.version:
            recovered, self._trouble = bool(self._trouble), ""
            return recovered
        self._stored, self._trouble = self._store.read(), ""
        return True

    def _rebuild(self) -> None:
        self.registry, conflicts = build_registry(self._settings, self._stored, unreadable=self._trouble)
        problem = self._trouble or conflict_message(conflicts)
        self.status = KeyStatus(not self._trouble, self._stored is not None, problem, len(self.registry))
        state = "away" if self._trouble else problem
        if state != self._told:
            self._told = state
            self._on_change(self.status)


def conflict_message(conflicts: tuple[str, ...]) -> str:
    """'' without conflicts."""
    return f"in the configuration file and in the key store: {', '.join(conflicts)}" if conflicts else ""
