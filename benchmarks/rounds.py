"""The phases: in each round every contender does the same once, one after the other, in an order that rotates."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from subprocess import SubprocessError

from httpx import HTTPError

from benchmarks.contenders.base import Contender
from benchmarks.figures import BASE, Figures, Sample, Stored
from benchmarks.measuring import timed
from benchmarks.place import Place
from benchmarks.workload import BIG_BYTES, BIG_FILES, FILES, FOLDERS, BigFiles, Workload
from tests.support.sshd import IS_ROOT

INITIAL, DAY, SAME, RESTORE = 'initial', '1 % changed', 'no change', 'full restore'
ONE_FILE, FOLDER, DELETE = 'one file restored', 'one folder listed', 'oldest deleted'
BIG_INITIAL, BIG_CHANGE = 'big files, initial', 'big file changed'
PHASES = (INITIAL, SAME, DAY, RESTORE, ONE_FILE, FOLDER, DELETE, BIG_INITIAL, BIG_CHANGE)
# Measured until it is on the disk, for all: a backup that a power cut takes back has not ended.
DURABLE = {INITIAL, SAME, DAY, RESTORE, BIG_INITIAL, BIG_CHANGE}
SLOW_ROUNDS = {
    INITIAL: 1,
    RESTORE: 1,
}  # for contenders that are slow; else 3, but every day and change of a big file
ENOUGH_S = (
    14 * 60
)  # after that what is left is measured once: on a quiet machine of two processors all of it takes less
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much is done in each phase."""

    files: int = FILES
    folders: int = FOLDERS
    initial: int = 3
    days: int = 10
    same: int = 5
    restore: int = 2
    small: int = 5  # one file, one folder, the oldest deleted
    big_files: int = BIG_FILES
    big_bytes: int = BIG_BYTES
    big_changes: int = 2


QUICK = Plan(initial=1, days=3, same=3, restore=1, small=3, big_files=1, big_changes=1)


class Contest:
    """Runs all phases with all contenders and keeps what it measures in `figures`."""

    def __init__(self, place: Place, contenders: Sequence[Contender], plan: Plan, figures: Figures, say: Say) -> None:  # fmt: skip
        self._place, self._plan, self._figures, self._say = place, plan, figures, say
        self._contenders = list(contenders)
        self.workload = Workload(place.source / 'files', plan.files, plan.folders, owner=owner_of(place))
        self.big = BigFiles(folder=place.source / 'big', count=plan.big_files, bytes_each=plan.big_bytes)

    def run(self) -> None:
        """Measure everything."""
        self._began = time.monotonic()
        self._say(f'{timed(self.workload.fill):.0f} s to write {self._plan.files:,} files')
        self._backups()
        self._looks()
        for contender in self._contenders:
            contender.finish()
        if self._plan.big_files:
            self._big_files()

    def _backups(self) -> None:
        """From nothing to ten days later, then runs in which nothing changed."""
        for number in range(self._plan.initial):
            self._round(INITIAL, number, lambda contender: contender.backup(), before=self._anew)
        for number in range(self._plan.days):
            self.workload.pass_day()
            self._round(DAY, number, lambda contender: contender.backup(), all_of_them=True)
        for contender in self._contenders:
            size, inodes = contender.used()
            self._figures.stored[contender.name] = Stored(
                bytes=size, inodes=inodes, manifest_bytes=contender.manifest_bytes()
            )
        for number in range(self._plan.same):
            self._round(SAME, number, lambda contender: contender.backup())

    def _looks(self) -> None:
        """What is done with snapshots that are there."""
        for number in range(self._plan.restore):
            self._round(RESTORE, number, lambda contender: contender.restore(self._place.arrivals))
        chosen = self.workload.paths
        for number in range(self._plan.small):
            self._look(chosen[number * 7919 % len(chosen)], number)
        for number in range(min(self._plan.small, self._plan.days)):
            self._round(DELETE, number, lambda contender: contender.delete_oldest())

    def _look(self, path: str, number: int) -> None:
        folder = path.rpartition('/')[0]
        self._round(ONE_FILE, number, lambda contender: contender.restore_file(path, self._place.arrivals))
        self._round(FOLDER, number, lambda contender: contender.list_folder(folder))

    def _big_files(self) -> None:
        self._say(f'{timed(self.big.fill):.0f} s to write {self._plan.big_files} big files')
        self._contenders = [contender for contender in self._contenders if contender.big]
        self._round(BIG_INITIAL, 0, lambda contender: contender.backup(), before=self._anew_big)
        for number in range(self._plan.big_changes):
            self.big.change(number)
            self._round(BIG_CHANGE, number, lambda contender: contender.backup())
        for contender in self._contenders:
            contender.finish()

    def _anew(self, contender: Contender) -> None:
        contender.prepare(self.workload.folder)

    def _anew_big(self, contender: Contender) -> None:
        contender.prepare(self.big.folder)

    def _round(
        self, phase: str, number: int, action: Callable[[Contender], object], *,
        before: Callable[[Contender], None] | None = None, all_of_them: bool = False,
    ) -> None:  # fmt: skip
        """Let each contender do something once; the first of this round comes last in the next."""
        if number and not all_of_them and time.monotonic() - self._began > ENOUGH_S:
            return
        first = number % len(self._contenders)
        told = []
        for contender in self._contenders[first:] + self._contenders[:first]:
            if contender.slow and number >= SLOW_ROUNDS.get(phase, 3) and not all_of_them:
                continue
            try:
                told.append(f'{contender.name} {self._measure(phase, number, contender, action, before):.3g}')
            except (RuntimeError, OSError, SubprocessError, HTTPError) as error:
                self._lose(contender, phase, error)
        self._say(f'{phase} {number + 1}: ' + ', '.join(told))

    def _measure(
        self, phase: str, number: int, contender: Contender, action: Callable[[Contender], object],
        before: Callable[[Contender], None] | None,
    ) -> float:  # fmt: skip
        if before:
            before(contender)
        self._place.emptied_arrivals()
        self._place.settle()
        with contender.stopwatch() as watch:
            action(contender)
            if phase in DURABLE:
                self._place.settle()
        contender.rest()
        taken = {**asdict(watch.taken), 'later_cpu_s': watch.cpu_since()}
        self._figures.samples.append(Sample(phase=phase, contender=contender.name, round=number, **taken))
        return watch.taken.seconds

    def _lose(self, contender: Contender, phase: str, error: Exception) -> None:
        """One that fails is out from there on; without bare rsync there is nothing to compare with."""
        if contender.name == BASE:
            raise error
        self._contenders.remove(contender)
        said = str(error).strip().splitlines() or [type(error).__name__]
        self._figures.notes.append(f'{contender.name} failed in the phase "{phase}": {said[-1]}')
        self._say(self._figures.notes[-1])


def owner_of(place: Place) -> tuple[int, int] | None:
    """Whom the files of the client belong to; without root they are ours anyway."""
    return place.sshd.ids if IS_ROOT else None
