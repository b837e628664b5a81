"""What something took: seconds, CPU seconds and peak memory of whole trees of processes, from proc(5)."""

import os
import resource
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.accounting import Account

SAMPLE_S = 0.1
TICKS = os.sysconf('SC_CLK_TCK')
PAGE = resource.getpagesize()


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """`cpu_s` is that of all processes, `own_cpu_s` what the watched server itself used, `memory` the peak of the resident
    bytes of all processes together, `own_memory` that of the server alone, `moved` the bytes that went over the loopback."""

    seconds: float
    cpu_s: float
    own_cpu_s: float = 0.0
    memory: int = 0
    own_memory: int = 0
    moved: int = 0


class Stopwatch:
    """Measures what happens in its block: `servers` are the processes that work for it besides those that this one starts,
    `own` the one among them that is looked at alone. With an `account` no process is missed that nobody waited for."""

    taken: Taken

    def __init__(self, account: Account, servers: Iterable[int] = (), own: int | None = None) -> None:
        self._account, self._servers, self._own = account, tuple(servers), own
        self._memory, self._own_memory = 0, 0
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._present = set(below(os.getpid()))  # servers of others among them
        self._before, self._moved = self._cpu(), over_loopback()
        self._sampler.start()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self._began
        self._ended.set()
        self._sampler.join()
        self._after = self._cpu()
        total, own = (after - before for after, before in zip(self._after, self._before, strict=True))
        self.taken = Taken(
            seconds=seconds, cpu_s=total, own_cpu_s=own, memory=self._memory, own_memory=self._own_memory,
            moved=over_loopback() - self._moved,
        )  # fmt: skip

    def cpu_since(self) -> float:
        """CPU seconds that were used after its block: what goes on in the background then."""
        return self._cpu()[0] - self._after[0]

    def _cpu(self) -> tuple[float, float]:
        own = own_cpu(self._own) if self._own else 0.0
        counted = self._account.seconds
        if counted is not None:
            return counted - time.process_time(), own
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime + sum(map(cpu_of_tree, self._servers)), own

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            found = set(below(os.getpid())) - self._present
            if self._own:
                found.add(self._own)
                self._own_memory = max(self._own_memory, resident(self._own))
            self._memory = max(self._memory, sum(map(resident, found)))


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def over_loopback() -> int:
    """Bytes that were sent through the loopback device since the start of the machine, by whomever."""
    lines = Path('/proc/net/dev').read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.strip().startswith('lo: ')), 0)


def below(pid: int) -> list[int]:
    """All processes that a process has started and that are there still."""
    found: list[int] = []
    for task in Path(f'/proc/{pid}/task').glob('*'):
        with suppress(OSError):
            for child in map(int, (task / 'children').read_text().split()):
                found += [child, *below(child)]
    return found


def resident(pid: int) -> int:
    """Resident memory in bytes, 0 if the process has ended."""
    with suppress(OSError):
        return int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * PAGE
    return 0


def own_cpu(pid: int) -> float:
    """CPU seconds of a process without what it has started."""
    return sum(_times(pid)[:2]) / TICKS


def cpu_of_tree(pid: int) -> float:
    """CPU seconds of a process and all it has started: an ended child counts with the one that waited for it."""
    return sum(sum(_times(process)) for process in (pid, *below(pid))) / TICKS


def _times(pid: int) -> Sequence[int]:
    """User, system, and both of the children that were waited for (fields 14 to 17 of stat in proc(5))."""
    with suppress(OSError):
        words = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
        return [int(word) for word in words[11:15]]
    return [0, 0, 0, 0]
