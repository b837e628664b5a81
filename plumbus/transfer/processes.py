"""What the system knows of processes (proc(5)), and signals that never reach another one than was meant."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path('/proc')


@dataclass(frozen=True, slots=True)
class Process:
    """A living process. `started` is in clock ticks since boot (proc(5), /proc/PID/stat, field 22)."""

    pid: int
    started: int


def process(pid: int) -> Process | None:
    """Given a number, return its process, or None if there is none or it is dead and only waits to be fetched."""
    try:
        fields = (PROC / str(pid) / 'stat').read_bytes().rpartition(b')')[2].split()
    except OSError:
        return None
    return None if fields[0] in {b'Z', b'X'} else Process(pid, int(fields[19]))


def processes() -> Iterator[Process]:
    """Yield every living process that can be seen."""
    for name in os.listdir(PROC) if PROC.is_dir() else ():
        if name.isdigit() and (found := process(int(name))):
            yield found


def variable(pid: int, name: str) -> str:
    """Given a process, return a variable of the environment it began with; empty if it has none or is another user's."""
    with suppress(OSError):
        for word in (PROC / str(pid) / 'environ').read_bytes().split(b'\0'):
            known, _, value = word.partition(b'=')
            if known == name.encode():
                return value.decode('ascii', 'replace')
    return ''


def moved_mebibytes(group: int, program: str = 'rsync') -> int:
    """Given a process group, return how many MiB those of its processes that are `program` have read and written in all.

    Pipes and disks count alike (proc(5), /proc/PID/io); who only keeps a connection alive moves no MiB.
    """
    total = 0
    for one in processes():
        with suppress(OSError, ValueError, IndexError):
            name, _, rest = (PROC / str(one.pid) / 'stat').read_text(errors='replace').rpartition(')')
            if int(rest.split()[2]) == group and name.partition('(')[2] == program:
                counters = (PROC / str(one.pid) / 'io').read_text().split()
                total += int(counters[1]) + int(counters[3])  # rchar and wchar
    return total // 2**20


def send(target: Process, number: signal.Signals) -> None:
    """Signal a process, but nobody who got its number in between: the handle stays with the one that was looked at."""
    with suppress(ProcessLookupError, PermissionError), _handle(target.pid) as handle:
        if process(target.pid) != target:
            return
        if handle is None:
            os.kill(target.pid, number)
        else:
            signal.pidfd_send_signal(handle, number)


def boot_id() -> str:
    """Return what is different after each start of the machine; empty if nobody tells."""
    try:
        return (PROC / 'sys/kernel/random/boot_id').read_text(encoding='ascii').strip()
    except OSError:
        return ''


@contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except OSError:  # Linux before 5.3, or a container runtime that does not know the call
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)
