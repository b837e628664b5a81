"""Cuts a child's output into lines with bounded memory, whatever the child writes. Pure."""

from collections import deque
from dataclasses import dataclass, field

MAX_LINE = 65536
KEPT = 100


@dataclass(slots=True)
class LineSplitter:
    r"""Cuts bytes at \n and \r. Empty lines are left out, and of a line longer than MAX_LINE the rest is."""

    _rest: bytearray = field(default_factory=bytearray)
    _after_return: bool = False
    _shown: int = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Given the next bytes, return the lines that they complete."""
        head, *lines = chunk.replace(b'\r', b'\n').split(b'\n')
        self._rest += head[: MAX_LINE - len(self._rest)]
        if not lines:
            return []
        if self._rest and self._shown != len(self._rest):
            lines.insert(0, bytes(self._rest))
        self._rest[:] = lines.pop()[:MAX_LINE]
        self._shown = 0
        start = max(chunk.rfind(b'\n'), chunk.rfind(b'\r'))
        self._after_return = chunk[start : start + 1] == b'\r'
        return [line if len(line) <= MAX_LINE else line[:MAX_LINE] for line in lines if line]

    def unfinished(self) -> list[bytes]:
        r"""Return what stands after the last \r, once: rsync writes it before a progress line and nothing behind."""
        if not self._after_return or self._shown == len(self._rest):
            return []
        self._shown = len(self._rest)
        return [bytes(self._rest)]

    def finish(self) -> list[bytes]:
        """Return the last line if nothing ended it."""
        return [bytes(self._rest)] if self._rest and self._shown != len(self._rest) else []


@dataclass(slots=True)
class FirstAndLast:
    """Keeps the first and the last lines: causes stand at the top, how it ended at the bottom."""

    _first: list[bytes] = field(default_factory=list)
    _last: deque[bytes] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, lines: list[bytes]) -> None:
        """Given lines, keep some of them."""
        room = KEPT - len(self._first)
        self._first += lines[:room]
        self._last.extend(lines[room:])

    @property
    def lines(self) -> list[bytes]:
        """What was kept, in order."""
        return [*self._first, *self._last]
