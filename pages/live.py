"""Engine events come from foreign threads; a Feed brings them to the event loop of one open page, in batches."""

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Container
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field

from nicegui import Client, background_tasks, ui

from plumbus.events import Audited, Changed, Event, EventBus, Logged, Noun, Progressed, RunKind
from plumbus.model import Progress

PROMPT_S = 0.1  # so long a change may wait for others
CALM_S = 0.5  # and what only moves
Run = tuple[RunKind, int]
log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Batch:
    """What happened within a short while; of progress only the newest of each run counts."""

    changed: list[Changed] = field(default_factory=list)
    progress: dict[Run, Progress] = field(default_factory=dict)
    lines: dict[Run, list[str]] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)

    def touches(self, *nouns: str) -> bool:
        """Whether anything of these kinds was created, updated or deleted."""
        return any(change.noun in nouns for change in self.changed)

    def touches_one(self, noun: str, number: int) -> bool:
        """Whether this very thing was created, updated or deleted."""
        return any(change.noun == noun and change.id == number for change in self.changed)


Handler = Callable[[Batch], Awaitable[None] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interest:
    """What a part of a page wants to hear of: kinds of things, runs as they go on, beginnings of audited actions."""

    handler: Handler
    nouns: tuple[str, ...] = ()
    runs: Callable[[], Container[Run]] = tuple
    actions: tuple[str, ...] = ()

    def wants(self, event: Event) -> bool:
        """Whether an event concerns it."""
        if isinstance(event, Changed):
            return event.noun in self.nouns
        if isinstance(event, Progressed | Logged):
            return (event.kind, event.run_id) in self.runs()
        return isinstance(event, Audited) and event.action.startswith(self.actions)


class Feed:
    """One for each open page; ends by itself when the page's client is deleted.

    Costs nothing while nothing happens that a part of the page has an interest in.
    """

    def __init__(self, events: EventBus, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._pending: list[Event] = []
        self._soon: float | None = None
        self._interests: list[Interest] = []
        self._end = events.subscribe(self._receive)
        client.on_delete(self._end)

    def on(self, handler: Handler, *nouns: Noun) -> None:
        """Given a handler, call it in the page's context with each batch that touches things of these kinds."""
        self._interests.append(Interest(handler=handler, nouns=nouns))

    def follow(self, handler: Handler, runs: Callable[[], Container[Run]]) -> None:
        """Given a handler, call it with each batch that tells progress or lines of one of the runs; other threads ask which."""
        self._interests.append(Interest(handler=handler, runs=runs))

    def on_action(self, handler: Handler, *beginnings: str) -> None:
        """Given a handler, call it when somebody did what begins like this in the audit log."""
        self._interests.append(Interest(handler=handler, actions=beginnings))

    def _receive(self, event: Event) -> None:
        if not any(interest.wants(event) for interest in self._interests):
            return
        delay = CALM_S if isinstance(event, Progressed | Logged) else PROMPT_S
        with self._lock:
            self._pending.append(event)
            if self._soon is not None and self._soon <= delay:  # a flush is under way already
                return
            self._soon = delay
        with suppress(RuntimeError):  # the loop has been closed: PLUMBUS is going down
            self._loop.call_soon_threadsafe(self._loop.call_later, delay, self._flush)

    def _flush(self) -> None:
        with self._lock:
            events, self._pending, self._soon = self._pending, [], None
        if not events or self._client.is_deleted:
            return
        batch = batched(events)
        with self._client:
            for interest in self._interests:
                if any(interest.wants(event) for event in events):
                    self._call(interest.handler, batch)

    def _call(self, handler: Handler, batch: Batch) -> None:
        try:
            result = handler(batch)
        except Exception:  # one broken panel must not silence the rest of the page
            log.exception('A page could not show what happened')
            return
        if inspect.iscoroutine(result):
            background_tasks.create(result, name='live page', context=self._client)


def every(seconds: float, handler: Callable[[], object]) -> None:
    """Given a handler that draws nothing new, call it for this page again and again until that is closed.

    A timer of NiceGUI would keep a closed page in memory until its next turn.
    """
    _Turns(seconds, handler, ui.context.client).take()


class _Turns:
    def __init__(self, seconds: float, handler: Callable[[], object], client: Client) -> None:
        self._seconds, self._handler, self._client = seconds, handler, client
        self._loop = asyncio.get_running_loop()
        client.on_delete(self._end)

    def take(self) -> None:
        # A context of its own: the present one knows the page, and a handle that was cancelled keeps its context for a while.
        self._next = self._loop.call_later(self._seconds, self._turn, context=Context())

    def _turn(self) -> None:
        self.take()
        if self._client.has_socket_connection:
            with self._client:
                self._handler()

    def _end(self) -> None:
        self._next.cancel()


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
        elif isinstance(event, Audited):
            batch.actions.append(event.action)
    return batch
