"""What the pages remember of the engine: shared, and never older than the last change."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pages.memory import LASTS_S, Memory
from tests.support.page_engine import PageEngine


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(engine: PageEngine, clock: Clock) -> Memory:
    return Memory(engine, clock)  # type: ignore[arg-type]


class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        return self.calls


def test_it_works_out_an_answer_once(memory: Memory) -> None:
    work = Counter()
    assert [memory.recall('a', work), memory.recall('a', work)] == [1, 1]
    assert memory.recall('b', work) == 2


def test_a_change_makes_it_ask_again(memory: Memory, engine: PageEngine) -> None:
    work = Counter()
    memory.recall('a', work)
    engine.tell('backup', 1)
    assert memory.recall('a', work) == 2


def test_progress_is_no_change(memory: Memory, engine: PageEngine) -> None:
    work = Counter()
    memory.recall('a', work)
    engine.move(engine.backups.get(501), 70)
    assert memory.recall('a', work) == 1


def test_an_answer_grows_old(memory: Memory, clock: Clock) -> None:
    work = Counter()
    memory.recall('a', work)
    clock.seconds += LASTS_S + 1
    assert memory.recall('a', work) == 2


def test_what_changes_while_an_answer_is_worked_out_is_not_missed(memory: Memory, engine: PageEngine) -> None:
    def slow() -> str:
        engine.tell('job', 1)
        return 'old'

    assert memory.recall('a', slow) == 'old'
    assert memory.recall('a', lambda: 'new') == 'new'


def test_many_who_ask_at_once_share_the_work(memory: Memory) -> None:
    work, begun, go = Counter(), threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        assert go.wait(60)
        return work()

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(memory.recall, 'a', slow)
        assert begun.wait(60)
        others = [pool.submit(memory.recall, 'a', slow) for _ in range(7)]
        go.set()
        assert {one.result(60) for one in [first, *others]} == {1}


def test_a_failure_is_not_remembered(memory: Memory) -> None:
    def fail() -> int:
        raise OSError('no')

    with pytest.raises(OSError, match='no'):
        memory.recall('a', fail)
    assert memory.recall('a', lambda: 3) == 3
