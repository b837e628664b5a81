"""Live events for the API: from the engine's threads to the event loop, in bounded queues that always end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from fastapi.sse import ServerSentEvent

from plumbus.api.answers import to_json
from plumbus.errors import NotFound
from plumbus.events import Audited, Changed, Event, EventBus, Logged, Overdue, Progressed, RunKind
from plumbus.model import Run

LONGEST_QUEUE = 1000
CHECK_AGAIN_S = 2.0  # in case that an event was lost in a full queue
AnyRun = TypeVar('AnyRun', bound=Run)
Fetch = Callable[[], Awaitable[AnyRun]]


class Listener:
    """The events of one run, oldest first; when nobody fetches them, the oldest are dropped."""

    def __init__(self, kind: RunKind, run_id: int) -> None:
        self._kind = kind
        self._run_id = run_id
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(LONGEST_QUEUE)
        self.closed = False

    def hear(self, event: Event) -> None:
        """Given an event in any thread, queue it if it is about this run."""
        if isinstance(event, Overdue | Audited):
            return
        about = (event.noun, event.id) if isinstance(event, Changed) else (event.kind, event.run_id)
        if about == (self._kind, self._run_id):
            with suppress(RuntimeError):  # the loop has ended in the meantime
                self._loop.call_soon_threadsafe(self._put, event)

    def close(self) -> None:
        """Let `news` return at once; nothing more is of interest."""
        self.closed = True
        self._put(None)

    async def news(self, seconds: float) -> list[Event]:
        """Return the events that came, as soon as there is one; none after `seconds`."""
        with suppress(TimeoutError):
            first = await asyncio.wait_for(self._queue.get(), seconds)
            return [*([first] if first else []), *self.waiting()]
        return []

    def waiting(self) -> list[Event]:
        """Return the events that came already."""
        events = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        return [event for event in events if event]

    def _put(self, event: Event | None) -> None:
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(event)


class Streams:
    """All listeners of the API, so that they can end before the server does."""

    def __init__(self, events: EventBus) -> None:
        self._events = events
        self._listeners: set[Listener] = set()
        self._closed = False

    @contextmanager
    def listen(self, kind: RunKind, run_id: int) -> Iterator[Listener]:
        """Given a run, listen to its events inside the block."""
        listener = Listener(kind, run_id)
        unsubscribe = self._events.subscribe(listener.hear)
        self._listeners.add(listener)
        if self._closed:
            listener.close()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            unsubscribe()

    def close(self) -> None:
        """End every stream and every wait. Call it on the event loop."""
        self._closed = True
        for listener in self._listeners:
            listener.close()


async def ended(
    streams: Streams,
    kind: RunKind,
    run: AnyRun,
    fetch: Fetch[AnyRun],
    *,
    seconds: float,
    gone: Callable[[], Awaitable[bool]],
) -> AnyRun:
    """Given a run and how to fetch it anew, return it when it ended, or as it is after `seconds`.

    No thread waits meanwhile. Stop early when whoever asked is `gone`.
    """
    deadline = time.monotonic() + seconds
    with streams.listen(kind, run.id) as listener:
        run = await fetch()
        while not run.status.finished and not listener.closed:
            left = deadline - time.monotonic()
            if left <= 0 or await gone():
                break
            if _may_have_changed(await listener.news(min(left, CHECK_AGAIN_S))):
                run = await fetch()
    return run


async def followed(
    listener: Listener, run: AnyRun, fetch: Fetch[AnyRun], tail: Callable[[], Awaitable[list[str]]]
) -> AsyncIterator[ServerSentEvent]:
    """Given a listener to a run, yield its state, the end of its log so far, then what happens, until it ended.

    Holds nothing that needs an end: a generator that nobody reads any more is dropped, not closed.
    """
    with suppress(NotFound):
        run = await fetch()
        yield _event('status', run)
        known = await tail()
        if known:
            yield _event('log', {'lines': known})
        while not run.status.finished and not listener.closed:
            news, before = await listener.news(CHECK_AGAIN_S), run
            if _may_have_changed(news):
                run = await fetch()
                news += listener.waiting()  # what was told before the end stands before it
            for event in _told(news, known):
                yield event
            known = [] if news else known
            if run.status != before.status:
                yield _event('status', run)


def unseen(tail: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Given the end of a log and lines that may overlap it, return those that are not in it."""
    for length in range(min(len(tail), len(lines)), 0, -1):
        if list(tail[-length:]) == list(lines[:length]):
            return list(lines[length:])
    return list(lines)


def _may_have_changed(news: Sequence[Event]) -> bool:
    return not news or any(isinstance(event, Changed) for event in news)


def _told(news: Sequence[Event], known: Sequence[str]) -> Iterator[ServerSentEvent]:
    lines = unseen(known, [line for event in news if isinstance(event, Logged) for line in event.lines])
    if lines:
        yield _event('log', {'lines': lines})
    moves = [event for event in news if isinstance(event, Progressed)]
    if moves:
        yield _event('progress', moves[-1].progress)


def _event(name: str, content: object) -> ServerSentEvent:
    return ServerSentEvent(event=name, raw_data=to_json(content).decode())
