"""The bus on which the engine tells what happens. Knows no page: whoever listens brings itself to its own thread."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from plumbus.model import Progress

Noun = Literal['client', 'job', 'backup', 'restore', 'verify', 'notification', 'token', 'session']
RunKind = Literal['backup', 'restore', 'verify']
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """A stored thing was created, updated or deleted."""

    noun: Noun
    id: int
    action: Literal['created', 'updated', 'deleted']


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed:
    """A run moved on; at most two a second for each run."""

    kind: RunKind
    run_id: int
    progress: Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Logged:
    """A run wrote these lines (without line ends, valid text) to its log."""

    kind: RunKind
    run_id: int
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Overdue:
    """A job is overdue `since` then; null: it is not any more. Told again for each that is overdue after a start of PLUMBUS."""

    job_id: int
    since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Audited:
    """Somebody did, or tried, this action (`user.create`); the audit log has a line more."""

    action: str


Event = Changed | Progressed | Logged | Overdue | Audited
Listener = Callable[[Event], None]


class EventBus:
    """Thread-safe. A listener runs in the publisher's thread, must be quick, and may fail without harm to others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Given a listener, call it for every event from now on. Return a function that ends this."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
        return lambda: self._unsubscribe(listener)

    def publish(self, event: Event) -> None:
        """Given an event, tell every listener."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # a broken page must not stop a backup
                log.exception('A listener failed on %s', type(event).__name__)

    @property
    def listener_count(self) -> int:
        """How many listen now; closed pages must not be among them."""
        return len(self._listeners)

    def _unsubscribe(self, listener: Listener) -> None:
        with self._lock:
            self._listeners = tuple(other for other in self._listeners if other is not listener)
