"""What is under way: backups, restores and verifications that run or wait, as the header and the dashboard list them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pages.restoring import title
from pages.wording import waits
from plumbus.engine import Engine
from plumbus.events import RunKind
from plumbus.model import Backup, Progress, Restore, Run, Status, Verification

NOUNS: tuple[RunKind, ...] = ('backup', 'restore', 'verify')
UNFINISHED = 'running,queued'
MOST = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """One of them: whose it is, what it does, and the page that tells more. `waiting` says why it waits, if it does."""

    kind: RunKind
    id: int
    client: str
    what: str
    target: str
    progress: Progress
    waiting: str = ''

    @property
    def run(self) -> tuple[RunKind, int]:
        """By which events tell of it."""
        return self.kind, self.id


def under_way(engine: Engine) -> list[Activity]:
    """Given the engine, return what runs, then what waits, in the order of the queue. Blocking."""
    runs: list[Run] = []
    for service in (engine.backups, engine.restores, engine.verifications):
        runs += service.page(status=UNFINISHED, limit=MOST).items
    return [_activity(run) for run in sorted(runs, key=_place)]


def counted(activities: Sequence[Activity]) -> list[str]:
    """Given what is under way, return ['2 running', '1 queued'], without what there is none of."""
    waiting = sum(bool(one.waiting) for one in activities)
    numbers = ((len(activities) - waiting, 'running'), (waiting, 'queued'))
    return [f'{number} {word}' for number, word in numbers if number]


def _place(run: Run) -> tuple[bool, int]:
    return run.status is Status.QUEUED, run.queue_position or MOST


def _activity(run: Run) -> Activity:
    kind, what, target = _told(run)
    return Activity(
        kind=kind,
        id=run.id,
        client=run.client_name,
        what=what,
        target=target,
        progress=run.progress or Progress(phase=run.status.value),
        waiting=waits(run) if run.status is Status.QUEUED else '',
    )


def _told(run: Run) -> tuple[RunKind, str, str]:
    if isinstance(run, Restore):
        return 'restore', title(run), f'/restores/{run.id}'
    if isinstance(run, Verification):
        return 'verify', f'Verification of backup {run.backup_id}', f'/backups/{run.backup_id}'
    return 'backup', run.job_name if isinstance(run, Backup) else '', f'/backups/{run.id}'
