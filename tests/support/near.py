"""A client next door: a real `rsync --server` of another process, reached without ssh, so that hundreds of runs are quick.

Its connections can be cut after some bytes, and something can happen between two of them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from plumbus.backup import restore, runner
from plumbus.backup.targets import Targets
from plumbus.cancellation import Cancellation
from plumbus.transfer.process import Outcome, run
from plumbus.transfer.rsync import environment

# As ssh does it: the words are joined and a shell over there reads them. Nobody but head may keep the way back open.
SHELL = """\
#!/bin/sh
cut=$1
shift 2
[ "$cut" -lt 0 ] && exec sh -c "$*"
exec 3<&0
sh -c "$*" <&3 3<&- | stdbuf -o0 head -c "$cut" &
exec <&- >&- 3<&-
wait
"""


@dataclass(slots=True)
class Near:
    """`cuts`: for each connection to come, after how many bytes it breaks (-1: never). `hooks`: what happens before it."""

    folder: Path
    cuts: list[int] = field(default_factory=list)
    hooks: list[Callable[[], object]] = field(default_factory=list)
    alias: str = 'near'
    cancellation: Cancellation = field(default_factory=Cancellation)

    def __post_init__(self) -> None:
        self.script.write_text(SHELL)

    @property
    def script(self) -> Path:
        """What stands in for ssh."""
        return self.folder / 'near.sh'

    @property
    def empty(self) -> Path:
        """An empty folder, as a session has one."""
        folder = self.folder / 'empty'
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def env(self) -> dict[str, str]:
        """As a session has it."""
        return environment(self.folder)

    @property
    def rsync_shell(self) -> str:
        """Asked for once for each connection."""
        if self.hooks:
            self.hooks.pop(0)()
        return f"sh '{self.script}' {self.cuts.pop(0) if self.cuts else -1}"

    @property
    def shared(self) -> SimpleNamespace:
        """Nobody logs in."""
        return SimpleNamespace(run=self._run)

    def _run(self, argv: list[bytes], **options: Any) -> Outcome:
        return run(argv, **{'cancellation': self.cancellation, **options})

    def ssh_argv(self, command: str, *, alone: bool = False) -> list[str]:
        """A command of the client."""
        return ['sh', '-c', command]

    def forget(self) -> None:
        """Be a good client again."""
        self.cuts.clear()
        self.hooks.clear()


@contextmanager
def near_clients(folder: Path) -> Iterator[Near]:
    """While in this block all clients of all engines are next door."""
    near = Near(folder)

    @contextmanager
    def session(_target: Any, _keys: Any, cancellation: Cancellation) -> Iterator[Near]:
        near.cancellation = cancellation
        yield near

    with (
        mock.patch.object(runner, 'session', session),
        mock.patch.object(restore, 'session', session),
        mock.patch.object(Targets, 'met', return_value=(None, None)),
    ):
        yield near
