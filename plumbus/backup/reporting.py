"""What a run tells while it goes on: lines into its log, and progress to the bus at most twice a second."""

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from plumbus.events import EventBus, Logged, Progressed, RunKind
from plumbus.model import Progress
from plumbus.store.runlog import RunLogs
from plumbus.transfer.items import Item, TransferProgress
from plumbus.transfer.process import LineReader

PROGRESS_INTERVAL_S = 0.5
RATE_WINDOW_S = 5.0
SHOWN_ERROR_LINES = 200


class Shown(dict[int, str]):
    """What stands for each character, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = char if char.isprintable() or char == '\t' else '\N{REPLACEMENT CHARACTER}'
        return self[code]


SHOWN = Shown()


class Reporter:
    """Belongs to one run and its thread; `progress` may be read from anywhere."""

    def __init__(
        self, kind: RunKind, run_id: int, logs: RunLogs, events: EventBus, now: Callable[[], datetime]
    ) -> None:
        self.kind: RunKind = kind
        self.run_id = run_id
        self.progress = Progress(phase='starting')
        self._logs = logs
        self._events = events
        self._now = now
        self._told_at = 0.0
        self._samples: deque[tuple[float, int]] = deque()

    def say(self, *lines: str) -> None:
        """Given lines of text, append them to the log with the time in front and tell the bus."""
        stamp = self._now().astimezone().strftime('%H:%M:%S')
        stamped = tuple(f'{stamp} {printable(line)}' for line in lines)
        self._logs.append(self.kind, self.run_id, stamped)
        self._events.publish(Logged(kind=self.kind, run_id=self.run_id, lines=stamped))

    def phase(
        self,
        name: str,
        *,
        bytes_total: int | None = None,
        files_total: int | None = None,
        current: str | None = None,
    ) -> None:
        """Given what begins now and, once known, its totals and with which file, start its progress anew."""
        self.progress = Progress(
            phase=name,
            bytes_total=bytes_total,
            files_total=files_total,
            percent=0 if bytes_total else None,
            current_file=current,
        )
        self._samples.clear()
        self._tell(force=True)

    def found(self, files: int, current: str | None = None) -> None:
        """Given how many files the scan has listed, tell it."""
        self.progress = self.progress.model_copy(update={'files': files, 'current_file': current})
        self._tell()

    def looked(self, share: float, files: int, current: str) -> None:
        """Given which share of the files that were there last time the scan is done with, how many those were, and where it is."""
        now = {'percent': round(100 * share, 1), 'files': round(share * files), 'current_file': current}
        self.progress = self.progress.model_copy(update=now)
        self._tell()

    def moved(self, *, total_bytes: int, files: int, current: str | None) -> None:
        """Given how much has been moved since the phase began, tell it with rate, percent and time left."""
        rate = self._rate(total_bytes)
        wanted = self.progress.bytes_total
        percent = min(100.0, round(100 * total_bytes / wanted, 1)) if wanted else None
        left = max(0, wanted - total_bytes) / rate if wanted and rate else None
        self.progress = self.progress.model_copy(
            update={
                'bytes': total_bytes,
                'files': files,
                'current_file': current,
                'rate_bps': round(rate),
                'percent': percent,
                'eta_s': round(left, 1) if left is not None else None,
            }
        )
        self._tell()

    def show_transfer(self, progress: TransferProgress | None, items: list[Item], folder: str = '') -> None:
        """Given what one batch of rsync's output held, and what its paths begin in, log what changed and tell how far it is."""
        changed = [item for item in items if not item.is_unchanged]
        arrived = [item for item in changed if item.has_data] if progress else []
        lines = [f'{item.change.decode("ascii", "replace")} {readable(item.path)}' for item in changed]
        self.show_copied(progress, lines, folder + readable(arrived[-1].path) if arrived else None)

    def show_copied(self, progress: TransferProgress | None, lines: list[str], current: str | None) -> None:
        """Given lines on what changed, and the last file that came (if any), log them and tell how far it is.

        rsync names a file once it is there, and counts files at the end of each: in between the last count holds.
        """
        if lines:
            self.say(*lines)
        if progress is not None:
            current = current or self.progress.current_file
            files = self.progress.files if progress.files_done is None else progress.files_done
            self.moved(total_bytes=progress.bytes, files=files, current=current)

    def _rate(self, total_bytes: int) -> float:
        moment = time.monotonic()
        self._samples.append((moment, total_bytes))
        while moment - self._samples[0][0] > RATE_WINDOW_S and len(self._samples) > 2:
            self._samples.popleft()
        began, before = self._samples[0]
        return (total_bytes - before) / (moment - began) if moment > began else 0.0

    def _tell(self, *, force: bool = False) -> None:
        moment = time.monotonic()
        if force or moment - self._told_at >= PROGRESS_INTERVAL_S:
            self._told_at = moment
            self._events.publish(Progressed(kind=self.kind, run_id=self.run_id, progress=self.progress))


class LiveRuns:
    """The reporters of what runs right now: where progress is looked up, for it is never stored.

    Also how runs ended whose record could not be written, until it can be.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reporters: dict[tuple[RunKind, int], Reporter] = {}
        self._endings: dict[tuple[RunKind, int], dict[str, Any]] = {}

    def add(self, reporter: Reporter) -> None:
        """Given the reporter of a run that begins, make its progress known."""
        with self._lock:
            self._reporters[reporter.kind, reporter.run_id] = reporter

    def remove(self, reporter: Reporter) -> None:
        """Given the reporter of a run that ended, forget it."""
        with self._lock:
            self._reporters.pop((reporter.kind, reporter.run_id), None)

    def remember(self, kind: RunKind, run_id: int, ending: dict[str, Any]) -> None:
        """Given how a run ended, keep it until `remembered` asks for it."""
        with self._lock:
            self._endings[kind, run_id] = ending

    def remembered(self, kind: RunKind, run_id: int) -> dict[str, Any] | None:
        """Given a run whose record does not tell its end, return what was remembered of it."""
        with self._lock:
            return self._endings.get((kind, run_id))

    def forget(self, kind: RunKind, run_id: int) -> None:
        """Given a run whose end is stored by now, remember it no longer."""
        with self._lock:
            self._endings.pop((kind, run_id), None)

    def progress(self, kind: RunKind, run_id: int) -> Progress | None:
        """Given a run, return how far it is, or None if it does not run."""
        with self._lock:
            reporter = self._reporters.get((kind, run_id))
        return reporter.progress if reporter else None


def show_errors(reporter: Reporter) -> LineReader:
    """Given a run's reporter, return a reader of stderr that logs its first lines: a client may send them without end."""
    left = SHOWN_ERROR_LINES

    def show(lines: list[bytes]) -> None:
        nonlocal left
        shown = [readable(line) for line in lines[:left] if line.strip()]
        if shown:
            reporter.say(*shown)
        left = max(0, left - len(lines))

    return show


def readable(name: bytes) -> str:
    """Given a path of any bytes, return text for people: what is not UTF-8 or cannot be printed is replaced."""
    return printable(name.decode('utf-8', 'replace'))


def printable(text: str) -> str:
    """Given text, return it on one line: control characters and lone surrogates are replaced, so no line can forge another."""
    return text if text.isprintable() else text.translate(SHOWN)
