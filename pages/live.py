"""Engine events come from foreign threads; a Feed brings them to the event loop of one open page, in batches."""

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from nicegui import Client, background_tasks

from plumbus.events import Changed, Event, EventBus, Logged, Progressed, RunKind
from plumbus.model import Progress

FLUSH_S = 0.2
Run = tuple[RunKind, int]
log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Batch:
    """What happened within a flush interval; of progress only the newest of each run counts."""

    changed: list[Changed] = field(default_factory=list)
    progress: dict[Run, Progress] = field(default_factory=dict)
    lines: dict[Run, list[str]] = field(default_factory=dict)

    def touches(self, *nouns: str) -> bool:
        """Whether anything of these kinds was created, updated or deleted."""
        return any(change.noun in nouns for change in self.changed)

    def touches_one(self, noun: str, number: int) -> bool:
        """Whether this very thing was created, updated or deleted."""
        return any(change.noun == noun and change.id == number for change in self.changed)


Handler = Callable[[Batch], Awaitable[None] | None]


class Feed:
    """One for each open page; ends by itself when the page's client is deleted. Costs nothing while nothing happens."""

    def __init__(self, events: EventBus, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._pending: list[Event] = []
        self._handlers: list[Handler] = []
        self._end = events.subscribe(self._receive)
        client.on_delete(self._end)

    def on(self, handler: Handler) -> None:
        """Given a handler, call it in the page's context with each batch from now on."""
        self._handlers.append(handler)

    def _receive(self, event: Event) -> None:
        with self._lock:
            self._pending.append(event)
            if len(self._pending) > 1:  # a flush is under way already
                return
        with suppress(RuntimeError):  # the loop has been closed: PLUMBUS is going down
            self._loop.call_soon_threadsafe(self._loop.call_later, FLUSH_S, self._flush)

    def _flush(self) -> None:
        with self._lock:
            events, self._pending = self._pending, []
        if self._client.is_deleted:
            return
        batch = batched(events)
        with self._client:
            for handler in self._handlers:
                self._call(handler, batch)

    def _call(self, handler: Handler, batch: Batch) -> None:
        try:
            result = handler(batch)
        except Exception:  # one broken panel must not silence the rest of the page
            log.exception('A page could not show what happened')
            return
        if inspect.iscoroutine(result):
            background_tasks.create(result, name='live page', context=self._client)


def batched(events: list[Event]) -> Batch:
    """Given events in order, return them as one batch."""
    batch = Batch()
    for event in events:
        if isinstance(event, Changed):
            batch.changed.append(event)
        elif isinstance(event, Progressed):
            batch.progress[event.kind, event.run_id] = event.progress
        elif isinstance(event, Logged):
            batch.lines.setdefault((event.kind, event.run_id), []).extend(event.lines)
    return batch
