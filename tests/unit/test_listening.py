"""Events on their way from the engine's threads to the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from plumbus.api import listening
from plumbus.api.listening import Streams, ended, followed, unseen
from plumbus.errors import NotFound
from plumbus.events import Changed, EventBus, Logged, Progressed
from plumbus.model import Backup, Progress, Status

LIMIT_S = 60


class Run:
    """A backup that a test moves on, in a thread of its own as the engine does."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.streams = Streams(self.bus)
        self.record: Backup | None = Backup(id=7, client_id=1, job_id=1, status=Status.RUNNING)
        self.tail: list[str] = []
        self.fetches = 0

    async def fetch(self) -> Backup:
        self.fetches += 1
        if self.record is None:
            raise NotFound('There is no backup 7.')
        return self.record

    async def log_tail(self) -> list[str]:
        return self.tail

    def publish(self, event: Changed | Logged | Progressed) -> None:
        thread = threading.Thread(target=self.bus.publish, args=(event,))
        thread.start()
        thread.join(LIMIT_S)

    def say(self, *lines: str, run_id: int = 7) -> None:
        self.publish(Logged(kind='backup', run_id=run_id, lines=lines))

    def finish(self, status: Status = Status.COMPLETED) -> None:
        self.record = Backup(id=7, client_id=1, job_id=1, status=status)
        self.publish(Changed(noun='backup', id=7, action='updated'))

    async def follow(self) -> AsyncIterator[tuple[str, str]]:
        assert self.record is not None
        with self.streams.listen('backup', 7) as listener:
            async for event in followed(listener, self.record, self.fetch, self.log_tail):
                yield event.event or '', event.raw_data or ''

    async def wait(self, seconds: float) -> Backup:
        async def gone() -> bool:
            return False

        assert self.record is not None
        return await ended(self.streams, 'backup', self.record, self.fetch, seconds=seconds, gone=gone)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(listening, 'CHECK_AGAIN_S', 60.0)  # nothing but the events may lead to the end
    return Run()


async def test_it_brings_events_in_their_order(run: Run) -> None:
    events = run.follow()
    assert (await anext(events))[0] == 'status'
    reading = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    run.say('one', 'two')
    assert await reading == ('log', '{"lines":["one","two"]}')
    run.publish(Progressed(kind='backup', run_id=7, progress=Progress(percent=10)))
    run.publish(Progressed(kind='backup', run_id=7, progress=Progress(percent=20)))
    name, content = await anext(events)
    assert name == 'progress'
    assert '"percent":20' in content, 'only the newest of several is told'
    run.say('three')
    run.finish()
    rest = [name async for name, _ in events]
    assert rest == ['log', 'status']
    assert run.bus.listener_count == 0


async def test_it_hears_of_its_own_run_only(run: Run) -> None:
    events = run.follow()
    await anext(events)
    reading = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    run.say('of another', run_id=8)
    run.publish(Logged(kind='restore', run_id=7, lines=('of a restore',)))
    run.say('ours')
    assert await reading == ('log', '{"lines":["ours"]}')


async def test_the_end_of_the_log_is_not_told_twice(run: Run) -> None:
    run.tail = ['a', 'b', 'c']
    events = run.follow()
    await anext(events)
    run.say('b', 'c')
    run.say('d')
    run.finish()
    assert [content async for name, content in events if name == 'log'] == [
        '{"lines":["a","b","c"]}',
        '{"lines":["d"]}',
    ]


async def test_a_slow_listener_holds_up_nobody_and_still_sees_the_end(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, 'LONGEST_QUEUE', 5)
    events = run.follow()
    await anext(events)
    for number in range(50):
        run.say(str(number))
    run.finish()
    told = [(name, content) async for name, content in events]
    assert told[0] == ('log', '{"lines":["46","47","48","49"]}')
    assert '"completed"' in told[-1][1]


async def test_it_ends_when_the_run_is_deleted(run: Run) -> None:
    events = run.follow()
    await anext(events)
    run.record = None
    run.publish(Changed(noun='backup', id=7, action='deleted'))
    assert [name async for name, _ in events] == []


async def test_it_ends_when_the_server_does(run: Run) -> None:
    events = run.follow()
    await anext(events)
    waiting = asyncio.create_task(run.wait(LIMIT_S))
    await asyncio.sleep(0.01)
    asyncio.get_running_loop().call_later(0.01, run.streams.close)
    assert [name async for name, _ in events] == []
    assert (await waiting).status is Status.RUNNING
    assert run.bus.listener_count == 0


async def test_a_wait_ends_with_the_run(run: Run) -> None:
    waiting = asyncio.create_task(run.wait(LIMIT_S))
    await asyncio.sleep(0.01)
    for number in range(20):
        run.say(str(number))
    run.finish(Status.FAILED)
    assert (await waiting).status is Status.FAILED
    assert run.fetches == 2, 'lines of the log are no reason to fetch the record'


async def test_a_wait_ends_when_the_time_is_up(run: Run) -> None:
    assert (await run.wait(0.05)).status is Status.RUNNING


async def test_a_lost_event_is_made_good(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, 'CHECK_AGAIN_S', 0.01)
    waiting = asyncio.create_task(run.wait(LIMIT_S))
    await asyncio.sleep(0.02)
    run.record = Backup(id=7, client_id=1, job_id=1, status=Status.COMPLETED)
    assert (await waiting).status is Status.COMPLETED


@pytest.mark.parametrize(
    ('tail', 'lines', 'new'),
    [
        ([], ['a'], ['a']),
        (['a', 'b'], ['b', 'c'], ['c']),
        (['a', 'b'], ['a', 'b'], []),
        (['a', 'b'], ['c'], ['c']),
        (['x', 'x'], ['x', 'x', 'x'], ['x']),
        (['a'], [], []),
    ],
)
def test_it_tells_what_is_new(tail: list[str], lines: list[str], new: list[str]) -> None:
    assert unseen(tail, lines) == new
