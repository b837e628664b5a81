"""A control group that counts the CPU time of all that is started below this process, whoever waits for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VERSION_1, VERSION_2 = Path('/sys/fs/cgroup/cpuacct'), Path('/sys/fs/cgroup')
PROCESSES = 'cgroup.procs'


class Account:
    """Counts only while it is open, and only where root may make such a group; else `seconds` is None."""

    def __init__(self) -> None:
        self._group: Path | None = None

    @property
    def seconds(self) -> float | None:
        """What all processes together have used so far."""
        if not self._group:
            return None
        with suppress(FileNotFoundError):
            return int((self._group / 'cpuacct.usage').read_text()) / 10**9
        used = (self._group / 'cpu.stat').read_text().split()
        return int(used[used.index('usage_usec') + 1]) / 10**6

    @contextmanager
    def opened(self) -> Iterator[None]:
        """In this block the process and all it starts are in the group."""
        root = VERSION_1 if VERSION_1.is_dir() else VERSION_2
        group = root / f'plumbus-bench-{os.getpid()}'
        try:
            before = root / _own_group()
            group.mkdir()
            (group / PROCESSES).write_text(str(os.getpid()))
        except OSError:
            with suppress(OSError):
                group.rmdir()
            yield
            return
        self._group = group
        try:
            yield
        finally:
            self._group = None
            (before / PROCESSES).write_text(str(os.getpid()))
            with suppress(OSError):  # something that was started runs still
                group.rmdir()


def _own_group() -> str:
    """The group that this process is in, relative to the root of its hierarchy (cgroups(7))."""
    for line in Path('/proc/self/cgroup').read_text().splitlines():
        _, controllers, path = line.split(':', 2)
        if not controllers or 'cpuacct' in controllers.split(','):
            return path.lstrip('/')
    return ''
