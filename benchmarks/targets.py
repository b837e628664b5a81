"""What PLUMBUS is to reach, beside what it reached."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.figures import BASE, OURS, Figures
from benchmarks.rounds import BIG_CHANGE, DAY, DELETE, FOLDER, INITIAL, ONE_FILE, RESTORE, SAME
from benchmarks.workload import CHANGED_BYTES

RSNAPSHOT = 'rsnapshot'
MB = 10**6


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """`value` is None where it was not measured; a target is met up to and with its limit."""

    name: str
    limit: float
    value: float | None
    unit: str = ''
    goal: float | None = None

    @property
    def mark(self) -> str:
        """A word that can be looked for."""
        if self.value is None:
            return 'not measured'
        return 'reached' if self.value <= self.limit else '**missed**'

    @property
    def wanted(self) -> str:
        """The limit, and the goal behind it."""
        goal = f' (goal {told(self.goal, self.unit)})' if self.goal is not None else ''
        return f'≤ {told(self.limit, self.unit)}{goal}'

    @property
    def reached(self) -> str:
        """The value as it is shown."""
        return '–' if self.value is None else told(self.value, self.unit)


def targets(figures: Figures) -> list[Target]:
    """All targets, with what these figures say of each."""
    return [*_of_backups(figures), *_of_looks(figures), *_of_room(figures), *_of_the_process(figures)]


def told(value: float, unit: str) -> str:
    """A number with as many digits as are of use."""
    digits = 2 if value < 10 and not unit else 1 if value < 100 else 0
    return f'{value:.{digits}f}{" " if unit else ""}{unit}'


def _of_backups(figures: Figures) -> Iterator[Target]:
    def ratio(phase: str) -> float | None:
        return figures.ratio(phase, OURS)

    yield Target(name='no change, × bare rsync', limit=0.22, goal=0.15, value=ratio(SAME))
    yield Target(name='1 % changed, × bare rsync', limit=0.30, goal=0.25, value=ratio(DAY))
    for phase in (SAME, DAY):
        yield Target(
            name=f'{phase}, × the fastest of the others', limit=1.0, value=to_the_fastest(figures, phase)
        )
    yield Target(name='initial, × bare rsync', limit=0.95, value=ratio(INITIAL))
    yield Target(
        name='one big file changed: bytes moved, × bytes changed', limit=2.0,
        value=_apply(lambda moved: moved / CHANGED_BYTES, figures.moved(BIG_CHANGE, OURS)),
    )  # fmt: skip


def _of_looks(figures: Figures) -> Iterator[Target]:
    yield Target(name='full restore, × bare rsync', limit=1.0, value=figures.ratio(RESTORE, OURS))
    yield Target(name='one file restored, × scp', limit=1.5, value=figures.ratio(ONE_FILE, OURS))
    listed = _apply(lambda seconds: seconds * 1000, figures.median(FOLDER, OURS))
    yield Target(name='one folder listed', limit=20, unit='ms', value=listed)
    yield Target(name='oldest deleted, × rm -rf', limit=1.2, value=figures.ratio(DELETE, OURS))


def _of_room(figures: Figures) -> Iterator[Target]:
    ours, theirs = figures.stored.get(OURS), figures.stored.get(RSNAPSHOT)
    disk = ours.bytes / theirs.bytes if ours and theirs and theirs.bytes else None
    manifests = 100 * ours.manifest_bytes / ours.bytes if ours and ours.bytes else None
    yield Target(name='disk after the days, × rsnapshot', limit=1.01, value=disk)
    yield Target(name='manifests, of the stored data', limit=2, unit='%', value=manifests)


def _of_the_process(figures: Figures) -> Iterator[Target]:
    for phase in (INITIAL, SAME, DAY):
        share = _apply(lambda part: 100 * part, figures.own_share(phase))
        yield Target(name=f'own CPU, of the whole run: {phase}', limit=15, unit='%', value=share)
    memory = figures.own_memory() / MB or None
    yield Target(name='memory of the process, its peak', limit=200, unit='MB', value=memory)


def to_the_fastest(figures: Figures, phase: str) -> float | None:
    """The ratio to whoever of the others has the best median."""
    others = {name: figures.median(phase, name) for name in figures.versions if name != OURS}
    known = {name: seconds for name, seconds in others.items() if seconds is not None}
    fastest = min(known, key=known.__getitem__, default=BASE)
    return figures.ratio(phase, OURS, fastest)


def _apply(change: Callable[[float], float], value: float | None) -> float | None:
    return None if value is None else change(value)
