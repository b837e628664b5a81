"""Events come from worker threads, reach the page in order and in batches, and end with the page."""

import itertools
import threading
from collections.abc import Iterator

import pytest
from nicegui import Client, ui
from nicegui.testing import User

from pages import live
from pages.live import Batch, Feed, batched
from pages.widgets.logview import unseen
from plumbus.events import Changed, Event, EventBus, Logged, Progressed
from plumbus.model import Progress
from tests.support.page_engine import PageEngine
from tests.support.visitor import until


def words_of(client: Client) -> str:
    """Everything that is written somewhere on a page: texts, rows of tables, what can be chosen, what stands in fields."""
    return '\n'.join(
        itertools.chain.from_iterable(_words(one) for one in list(client.elements.values()) if one.visible)
    )


def _words(element: ui.element) -> Iterator[str]:
    yield str(getattr(element, 'text', '') or '')
    yield str(element.props.get('aria-label', ''))
    if isinstance(element, ui.table):
        for row in element.rows:
            yield from (
                str(cell.get('text', '')) + ' ' + str(cell.get('under', ''))
                for cell in row.values()
                if isinstance(cell, dict)
            )
    elif isinstance(element, ui.select):
        yield str(element.options)
    elif isinstance(element, ui.input | ui.number | ui.textarea):
        yield str(element.value)


def line(text: str) -> Logged:
    return Logged(kind='backup', run_id=1, lines=(text,))


def test_it_keeps_only_the_newest_progress_and_every_line() -> None:
    events: list[Event] = [line('a'), Progressed(kind='backup', run_id=1, progress=Progress(percent=1)), line('b'),
                           Progressed(kind='backup', run_id=1, progress=Progress(percent=2)), Changed(noun='job', id=3, action='created')]  # fmt: skip
    batch = batched(events)
    assert batch.lines['backup', 1] == ['a', 'b']
    assert batch.progress['backup', 1].percent == 2
    assert batch.touches('job', 'client')
    assert batch.touches_one('job', 3)
    assert not batch.touches_one('job', 4)


def test_nothing_waits_for_others_longer_than_half_a_second() -> None:
    assert live.PROMPT_S <= live.CALM_S <= 0.5


def test_it_does_not_show_a_line_twice() -> None:
    assert unseen(['a', 'b', 'c'], ['b', 'c', 'd']) == ['d']
    assert unseen(['a', 'b'], ['c']) == ['c']
    assert unseen([], ['a']) == ['a']
    assert unseen(['a', 'a'], ['a', 'a', 'a']) == ['a']


async def test_it_brings_events_of_many_threads_to_the_page_that_listens(user: User) -> None:
    bus, got, threads = EventBus(), list[str](), set[int]()

    @ui.page('/listening')
    def listening() -> None:
        feed = Feed(bus, ui.context.client)
        feed.follow(receive, lambda: [('backup', 1)])

    def receive(batch: Batch) -> None:
        threads.add(threading.get_ident())
        got.extend(batch.lines.get(('backup', 1), []))
        ui.label('arrived')

    def shout(name: int) -> None:
        for index in range(100):
            bus.publish(line(f'{name}-{index}'))

    await user.open('/listening')
    shouters = [threading.Thread(target=shout, args=(name,)) for name in range(4)]
    for shouter in shouters:
        shouter.start()
    await until(lambda: len(got) == 400)
    assert threads == {threading.get_ident()}
    for name in range(4):
        assert [text for text in got if text.startswith(f'{name}-')] == [
            f'{name}-{index}' for index in range(100)
        ]
    await user.should_see('arrived')


async def test_it_goes_on_after_a_handler_failed(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    bus, got, noted = EventBus(), list[Batch](), list[str]()
    monkeypatch.setattr(live.log, 'exception', noted.append)

    @ui.page('/clumsy')
    def clumsy() -> None:
        feed = Feed(bus, ui.context.client)
        feed.follow(stumble, lambda: [('backup', 1)])
        feed.follow(got.append, lambda: [('backup', 1)])

    def stumble(_: Batch) -> None:
        raise ValueError('a bug')

    await user.open('/clumsy')
    bus.publish(line('x'))
    await until(lambda: len(got) == 1)
    assert len(noted) == 1


async def test_it_ends_with_the_page(user: User, engine: PageEngine) -> None:
    before = engine.events.listener_count
    client: Client = await user.open('/backups/501')
    assert engine.events.listener_count == before + 1
    client.delete()
    assert engine.events.listener_count == before


async def test_it_stays_quiet_when_the_page_has_gone_in_between(user: User, engine: PageEngine) -> None:
    client = await user.open('/backups/501')
    await user.should_see('64 %')
    engine.move(engine.backups.get(501), 80)
    client.delete()
    await user.open('/jobs')
    await user.should_see('2 running')
