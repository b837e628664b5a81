"""Work in the background begins at once, comes again when it is woken or time has passed, and survives its errors."""

import threading
from collections.abc import Callable, Iterator

import pytest

from plumbus.cancellation import Cancellation
from plumbus.errors import StoreError
from plumbus.scheduling.background import Background
from tests.support.engines import until

Start = Callable[..., Background]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Background] = []

    def begin(work: Callable[[Cancellation], None], interval_s: float = 3600) -> Background:
        started.append(Background('the work', work, interval_s))
        started[-1].start()
        return started[-1]

    yield begin
    for one in started:
        assert one.stop('interrupted', 5)


def test_it_begins_at_once_and_comes_again_when_woken(start: Start) -> None:
    calls: list[int] = []
    background = start(lambda _: calls.append(1))
    until(lambda: len(calls) == 1, 'the first call')
    background.wake()
    until(lambda: len(calls) == 2, 'the second call')


def test_what_wakes_it_while_it_works_is_not_lost(start: Start) -> None:
    calls: list[int] = []
    go_on = threading.Event()

    def work(_: Cancellation) -> None:
        calls.append(1)
        assert go_on.wait(60)

    background = start(work)
    until(lambda: len(calls) == 1, 'the first call')
    background.wake()
    background.wake()
    go_on.set()
    until(lambda: len(calls) == 2, 'the second call')


def test_it_comes_again_after_a_while(start: Start) -> None:
    calls: list[int] = []
    start(lambda _: calls.append(1), interval_s=0.01)
    until(lambda: len(calls) >= 5, 'five calls')


@pytest.mark.parametrize('error', [StoreError('The disk is full.'), OSError('gone'), ValueError('odd')])
def test_it_survives_an_error(start: Start, caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    calls: list[int] = []

    def work(_: Cancellation) -> None:
        calls.append(1)
        raise error

    background = start(work)
    until(lambda: caplog.text, 'the message')
    assert 'the work' in caplog.text
    assert ('Traceback' in caplog.text) is not isinstance(error, StoreError)
    background.wake()
    until(lambda: len(calls) == 2, 'the second call')


def test_the_end_reaches_what_is_going_on(start: Start) -> None:
    begun = threading.Event()

    def work(cancellation: Cancellation) -> None:
        begun.set()
        cancellation.wait(60)
        cancellation.check()

    background = start(work)
    assert begun.wait(60)
    assert background.stop('interrupted', 5)


def test_it_may_be_stopped_before_it_began() -> None:
    assert Background('idle', lambda _: None, 1).stop('interrupted', 1)
