"""Notes about children, against real processes: who is ours is ended to the last, who is not is never touched."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plumbus.cancellation import Cancellation
from plumbus.transfer.children import Child, Children
from plumbus.transfer.process import Outcome, run
from plumbus.transfer.processes import boot_id, process
from tests.support.engines import until
from tests.support.processes import end, freeze, lives, running

# Starts a child, notes it and dies of a kill at once: what is left is what a killed PLUMBUS leaves.
KILLED = """\
import os, signal, sys
from pathlib import Path
from plumbus.cancellation import Cancellation
from plumbus.transfer.children import Children
from plumbus.transfer.process import run

witness = Children(Path(sys.argv[1])).of('backup', 7)
run(['sh', '-c', sys.argv[2]], cancellation=Cancellation(witness), idle_timeout_s=60,
    on_output=lambda _: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'run'


@pytest.fixture
def children(folder: Path) -> Children:
    return Children(folder)


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    """Seconds to sleep that no other test sleeps, so that its processes can be found."""
    seconds = f'3600.{os.getpid()}{abs(hash(tmp_path)) % 10**6}'
    yield seconds
    end(*running(seconds))


@pytest.fixture
def stranger(mark: str) -> Iterator[int]:
    with subprocess.Popen(['sleep', mark], start_new_session=True) as sleeper:
        yield sleeper.pid
        sleeper.kill()


@pytest.fixture
def during(children: Children) -> Callable[[Callable[[], None]], Outcome]:
    """Calls something while a child of backup 7 runs."""

    def call(action: Callable[[], None]) -> Outcome:
        cancellation = Cancellation(children.of('backup', 7))

        def on_output(_: list[bytes]) -> None:
            action()
            cancellation.cancel('cancelled')

        argv = ['sh', '-c', 'echo here; sleep 60']
        return run(argv, cancellation=cancellation, idle_timeout_s=60, on_output=on_output)

    return call


def orphan(folder: Path, script: str, mark: str) -> list[int]:
    """Let a process that starts this script, with `SLEEP` for a long sleep, be killed; return who is left of the script."""
    argv = [sys.executable, '-c', KILLED, str(folder), script.replace('SLEEP', f'sleep {mark}')]
    killed = subprocess.run(argv, check=False, timeout=60, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    return running('sleep', mark)


def test_it_notes_a_child_as_long_as_it_lives(
    children: Children, folder: Path, during: Callable[[Callable[[], None]], Outcome]
) -> None:
    seen: list[Child] = []

    def look() -> None:
        seen.extend(children.all())
        assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]
        assert children.is_supervised(seen[0])
        assert process(seen[0].pid).started == seen[0].started > 0
        assert os.getpgid(seen[0].pid) == seen[0].group

    outcome = during(look)

    assert outcome.cancelled
    assert (seen[0].kind, seen[0].run_id, seen[0].program) == ('backup', 7, 'sh')
    assert (seen[0].boot, seen[0].supervisor) == (boot_id(), os.getpid())
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.iterdir()) == []


def test_it_leaves_no_note_of_a_program_that_is_missing(children: Children, folder: Path) -> None:
    with pytest.raises(Exception, match='missing'):
        run(['no-such-program'], cancellation=Cancellation(children.of('backup', 7)), idle_timeout_s=5)
    assert list(folder.iterdir()) == []


def test_a_note_that_cannot_be_written_stops_nobody(folder: Path) -> None:
    folder.write_text('a file where the folder should be')
    cancellation = Cancellation(Children(folder).of('backup', 7))
    assert run(['true'], cancellation=cancellation, idle_timeout_s=5).exit_code == 0


def test_it_tells_children_of_the_living_from_orphans(
    children: Children, folder: Path, during: Callable[[Callable[[], None]], Outcome], mark: str
) -> None:
    orphan(folder, 'SLEEP & echo started; wait', mark)
    noted: list[Child] = []
    # Another process of PLUMBUS, say a command, lives: its child is its own matter.
    other = Children(folder)
    during(lambda: noted.extend(child for child in other.all() if not other.is_supervised(child)))
    # In this process, but not known to `other`: that is what a thread that died leaves behind.
    assert sorted(child.supervisor == os.getpid() for child in noted) == [False, True]
    helper = subprocess.Popen(['sleep', mark])
    begun = process(helper.pid)
    its = noted[0].model_copy(update={'supervisor': helper.pid, 'supervisor_started': begun.started})
    assert other.is_supervised(its)
    helper.kill()
    helper.wait()
    assert not other.is_supervised(its)


@pytest.mark.parametrize(
    ('script', 'leader_lives'),
    [
        ('SLEEP & echo started; wait', True),
        ('(SLEEP & SLEEP & SLEEP) & echo started; exit', False),
        ('trap "" TERM HUP; (trap "" TERM; SLEEP) & echo started; wait; sleep 60', True),
    ],
)
def test_it_ends_an_orphan_with_all_it_has_started(
    children: Children, folder: Path, mark: str, script: str, leader_lives: bool
) -> None:
    pids = orphan(folder, script, mark)
    leader = children.all()[0].pid
    until(lambda: lives(leader) is leader_lives, 'the end of the leader' if not leader_lives else 'its life')
    assert set(pids) - {leader}

    ended = children.end(children.all(), grace_s=0.5)

    assert [(child.kind, child.run_id) for child in ended] == [('backup', 7)]
    assert not any(lives(pid) for pid in pids)
    assert list(folder.iterdir()) == []


def test_it_ends_an_orphan_that_is_stopped(children: Children, folder: Path, mark: str) -> None:
    pids = orphan(folder, 'SLEEP & echo started; wait', mark)
    freeze(*pids)
    assert children.end(children.all())
    assert not any(lives(pid) for pid in pids)


def test_it_never_touches_a_stranger_that_got_the_number(
    children: Children, folder: Path, stranger: int, mark: str
) -> None:
    orphan(folder, 'echo started; SLEEP', mark)
    noted = children.all()[0]
    children.end([noted], grace_s=0.5)
    begun = process(stranger)
    for changes in (
        {'pid': stranger, 'group': stranger, 'started': begun.started - 1},
        {'pid': stranger, 'group': stranger, 'started': begun.started, 'boot': 'another boot'},
        {'pid': stranger, 'group': stranger, 'started': 0},
        {'pid': 0, 'group': 0, 'started': 0},
        {'pid': 2**22 + 1, 'group': stranger, 'started': begun.started},
    ):
        forged = noted.model_copy(update=changes)
        (folder / f'{forged.mark}.json').write_text(forged.model_dump_json())
        assert children.end(children.all(), grace_s=0.1) == []
        assert list(folder.iterdir()) == []
    assert lives(stranger)


def test_it_drops_what_is_no_note(children: Children, folder: Path) -> None:
    folder.mkdir()
    (folder / 'a.json').write_text('')
    (folder / 'b.json').write_text('{"mark": 1}')
    (folder / 'half.new').write_text('{"ma')
    os.utime(folder / 'half.new', (1, 1))
    assert children.all() == []
    assert list(folder.iterdir()) == []


def test_many_at_once_do_not_disturb_each_other(children: Children, folder: Path) -> None:
    outcomes: list[int] = []

    def work() -> None:
        for _ in range(5):
            cancellation = Cancellation(children.of('backup', 7))
            outcomes.append(run(['true'], cancellation=cancellation, idle_timeout_s=5).exit_code)
            children.all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: not any(thread.is_alive() for thread in threads), 'the end of all children', 20)
    assert outcomes == [0] * 20
    assert list(folder.iterdir()) == []
