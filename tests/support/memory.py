"""How much memory this process takes at most while something happens."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Growth:
    """`peak` is known after the block: bytes above what was taken before it."""

    peak: int = 0


@contextmanager
def memory_growth() -> Iterator[Growth]:
    """Measure the peak of the resident memory in this block (proc(5): 5 resets it)."""
    growth = Growth()
    Path('/proc/self/clear_refs').write_text('5')
    before = _status('VmRSS')
    yield growth
    growth.peak = _status('VmHWM') - before


def _status(name: str) -> int:
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f'There is no {name}.')
