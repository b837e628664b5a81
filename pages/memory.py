"""Answers of the engine that cost much and that many open pages ask for at once: worked out once, until something changes."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from nicegui import app

from plumbus.engine import Engine
from plumbus.events import Changed, Event
from plumbus.model import Client, JobView

LASTS_S = 15.0  # some answers depend on the clock as well
Answer = TypeVar('Answer')


@dataclass(slots=True)
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    version: int = -1
    since: float = 0.0
    answer: Any = None


class Memory:
    """Thread-safe. An answer is never older than the last change of a client, job or run."""

    def __init__(self, engine: Engine, timer: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._timer = engine, timer
        self._lock, self._version = threading.Lock(), 0
        self._kept: dict[str, _Kept] = {}
        engine.events.subscribe(self._happened)

    def jobs(self) -> list[JobView]:
        """Return every job with its last run. Blocking."""
        return list(self.recall('jobs', self._engine.jobs.all))

    def clients(self) -> list[Client]:
        """Return every client. Blocking."""
        return list(self.recall('clients', self._engine.clients.all))

    def recall(self, name: str, work_out: Callable[[], Answer]) -> Answer:
        """Given a name and how to work out what it stands for, return that; two who ask at once share the work. Blocking."""
        with self._lock:
            kept = self._kept.setdefault(name, _Kept())
        with kept.lock:
            version = self._version  # read before: what changes meanwhile makes the answer old
            if kept.version != version or self._timer() - kept.since > LASTS_S:
                kept.answer, kept.version, kept.since = work_out(), version, self._timer()
            return cast(Answer, kept.answer)

    def _happened(self, event: Event) -> None:
        if isinstance(event, Changed) and event.noun not in {'notification', 'token', 'session'}:
            with self._lock:
                self._version += 1


def install(engine: Engine) -> None:
    """Given the engine, keep a memory of it for all pages."""
    app.state.memory = Memory(engine)


def memory() -> Memory:
    """Return the memory that all pages share."""
    return cast(Memory, app.state.memory)
