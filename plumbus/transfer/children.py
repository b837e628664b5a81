"""Which processes were started for which run: one small file each while it lives, so that none outlives PLUMBUS unknown.

A number alone proves nothing, for it is given to other processes later. What is ended is ours beyond doubt: it has the
noted number and start time since the same boot, or it carries the mark that this child, and what it started, got along.
"""

import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from plumbus.cancellation import Environment, Witness
from plumbus.transfer.processes import Process, boot_id, process, processes, send, variable

MARK = 'PLUMBUS_CHILD'
POLL_S = 0.1
UNFINISHED_S = 60.0  # no note takes that long to be written
HOPELESS_S = 5.0  # from KILL to giving up: a process may hang in the kernel on a dead disk
log = logging.getLogger(__name__)


class Child(BaseModel):
    """A process that was started for a run, `kind` and `run_id` (none: '' and 0). `pid` is 0 until it has one.

    It leads the process group `group`. `supervisor` is the process that started it and waits for it.
    """

    model_config = ConfigDict(frozen=True)

    mark: str
    program: str
    kind: str = ''
    run_id: int = 0
    pid: int = 0
    group: int = 0
    started: int = 0
    boot: str
    supervisor: int
    supervisor_started: int

    def __str__(self) -> str:
        owner = f'{self.kind} {self.run_id}' if self.run_id else self.kind or 'no run'
        return f'{self.program} (process {self.pid}) of {owner}'


class Children:
    """The notes in `folder`, thread-safe. Several processes may write theirs side by side."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._supervised: set[str] = set()
        self._boot = boot_id()

    def of(self, kind: str, run_id: int = 0) -> Witness:
        """Given a run, return the witness that notes its processes."""
        return partial(self._noted, kind, run_id)

    def all(self) -> list[Child]:
        """Return what is noted. A file that cannot be read as a note is removed."""
        found = []
        for path in sorted(self._folder.glob('*.json')):
            try:
                found.append(Child.model_validate_json(path.read_bytes()))
            except FileNotFoundError:
                continue  # it ended meanwhile
            except (OSError, ValidationError) as error:
                log.warning('The note %s was not readable: %s', path.name, type(error).__name__)
                _removed(path)
        self._sweep()
        return found

    def is_supervised(self, child: Child) -> bool:
        """Whether somebody waits for this child: a thread of ours, or another process that lives."""
        if child.boot != self._boot:
            return False
        if self.is_own(child):
            return True
        starter = Process(child.supervisor, child.supervisor_started)
        return starter.pid != os.getpid() and process(starter.pid) == starter

    def is_own(self, child: Child) -> bool:
        """Whether a thread of this process waits for the child."""
        with self._lock:
            return child.mark in self._supervised

    def end(self, children: Sequence[Child], grace_s: float = 5.0) -> list[Child]:
        """Given children that nobody needs, end them and all they started: TERM, after `grace_s` KILL.

        Return those of them that still lived. A note is removed as soon as nothing of its child is left.
        """
        found = self._members(children)
        alive = [child for child in children if found.get(child.mark)]
        for number, seconds in ((signal.SIGTERM, grace_s), (signal.SIGKILL, HOPELESS_S)):
            self._signal(alive, number)
            self._await(alive, seconds)
        left = self._members(alive)
        for child in children:
            if left.get(child.mark):
                log.error('%s does not end: it hangs in the kernel, as on a dead disk.', child)
            else:
                _removed(self._path(child.mark))
        return alive

    @contextmanager
    def _noted(self, kind: str, run_id: int, program: str) -> Iterator['ChildNote']:
        own = process(os.getpid()) or Process(os.getpid(), 0)
        child = Child(
            mark=secrets.token_hex(16), program=os.path.basename(program), kind=kind, run_id=run_id, boot=self._boot,
            supervisor=own.pid, supervisor_started=own.started,
        )  # fmt: skip
        note = ChildNote(child, self._write)
        with self._lock:
            self._supervised.add(child.mark)
        self._write(child)
        try:
            yield note
        finally:
            if not _lives(note.child):  # else it hangs, and whoever compares notes and reality tries again
                _removed(self._path(child.mark))
            with self._lock:
                self._supervised.discard(child.mark)

    def _write(self, child: Child) -> None:
        path = self._path(child.mark)
        beside = path.with_suffix('.new')
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(
                os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), 'wb'
            ) as file:
                file.write(child.model_dump_json(indent=2).encode())
            beside.replace(path)
        except OSError as error:  # a full disk: the run itself tells of it
            log.warning('%s could not be noted: %s', child, error.strerror)
            _removed(beside)

    def _sweep(self) -> None:
        """Remove what a process that was killed had not finished writing."""
        for path in self._folder.glob('*.new'):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > UNFINISHED_S:
                    path.unlink()

    def _path(self, mark: str) -> Path:
        return self._folder / f'{mark}.json'

    def _members(self, children: Iterable[Child]) -> Mapping[str, list[Process]]:
        """Return the living processes of each child, by its mark."""
        wanted = {child.mark: child for child in children if child.boot == self._boot}
        found: dict[str, list[Process]] = {}
        for one in processes() if wanted else ():
            mark = variable(one.pid, MARK)
            child = wanted.get(mark) or next((each for each in wanted.values() if _is(each, one)), None)
            if child:
                found.setdefault(child.mark, []).append(one)
        return found

    def _signal(self, children: Sequence[Child], number: signal.Signals) -> None:
        for members in self._members(children).values():
            for member in members:
                send(member, number)
                send(member, signal.SIGCONT)  # one that is stopped hears nothing but KILL

    def _await(self, children: Sequence[Child], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._members(children) and time.monotonic() < deadline:
            time.sleep(POLL_S)


class ChildNote:
    """The note about one child of ours (see plumbus.cancellation.Note)."""

    def __init__(self, child: Child, write: Callable[[Child], None]) -> None:
        self.child = child
        self._write = write

    def marked(self, environment: Environment) -> Environment:
        """Given the environment that the child shall have, return it with the mark in it."""
        return {**(os.environ if environment is None else environment), MARK: self.child.mark}

    def started(self, pid: int) -> None:
        """Given the number of the child, which leads a group of its own, note it."""
        begun = process(pid) or Process(pid, 0)
        self.child = self.child.model_copy(update={'pid': pid, 'group': pid, 'started': begun.started})
        self._write(self.child)


def _is(child: Child, found: Process) -> bool:
    return child.started > 0 and found == Process(child.pid, child.started)


def _lives(child: Child) -> bool:
    return child.pid > 0 and process(child.pid) == Process(child.pid, child.started)


def _removed(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
