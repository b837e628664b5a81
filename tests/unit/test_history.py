"""Records without a snapshot stay for a while, and not too many of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plumbus.events import Changed, Event, EventBus
from plumbus.model import Backup, Restore, Status
from plumbus.services.history import History
from plumbus.store.database import Database
from plumbus.store.documents import Documents
from plumbus.store.runlog import RunLogs

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


class Store:
    """Records, logs and the history over them."""

    def __init__(self, folder: Path) -> None:
        database = Database(folder / 'db')
        self.backups = Documents(database, 'backups', Backup)
        self.restores = Documents(database, 'restores', Restore)
        self.logs = RunLogs(folder / 'logs')
        self.events: list[Event] = []
        self.forgotten: list[int] = []
        bus = EventBus()
        bus.subscribe(self.events.append)
        self.history = History(
            records={'backup': self.backups, 'restore': self.restores}, logs=self.logs, events=bus, days=400, count=5, now=lambda: NOW,
            forget={'restore': self.forgotten.append},
        )  # fmt: skip

    def backup(self, days: float, status: Status = Status.FAILED, **fields: Any) -> int:
        made = Backup(job_id=1, client_id=1, status=status, end_time=days_ago(days), **fields)
        backup_id = self.backups.add(made).id
        self.logs.append('backup', backup_id, ['a line'])
        return backup_id

    def left(self) -> list[int]:
        return [backup.id for backup in self.backups.all()]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_what_is_too_old_goes_with_its_log(store: Store) -> None:
    old, young = store.backup(401), store.backup(399)
    store.history.expire()
    assert store.left() == [young]
    assert not store.logs.exists('backup', old)
    assert store.logs.exists('backup', young)
    assert store.events == [Changed(noun='backup', id=old, action='deleted')]


def test_what_has_a_snapshot_waits_or_runs_stays(store: Store) -> None:
    kept = [
        store.backup(4000, Status.COMPLETED, backup_path='backups/c-1/j-1/2015-12-13T020000Z'),
        store.backup(4000, Status.QUEUED),
        store.backup(4000, Status.RUNNING),
    ]
    store.history.expire()
    assert store.left() == kept


def test_age_counts_from_the_removal_of_a_snapshot(store: Store) -> None:
    late = store.backup(4000, Status.COMPLETED, removed_at=days_ago(399))
    store.backup(4000, Status.COMPLETED, removed_at=days_ago(401))
    store.history.expire()
    assert store.left() == [late]


def test_of_too_many_the_oldest_go(store: Store) -> None:
    made = [store.backup(20 - number) for number in range(8)]
    made.append(store.backup(300, Status.COMPLETED, removed_at=days_ago(1)))
    store.history.expire()
    assert store.left() == made[-5:]


def test_restores_expire_on_their_own(store: Store) -> None:
    for number in range(7):
        run = Restore(
            job_id=1, client_id=1, backup_id=1, status=Status.COMPLETED, end_time=days_ago(500 if number < 2 else 7 - number)
        )  # fmt: skip
        store.logs.append('restore', store.restores.add(run).id, ['a line'])
    backup = store.backup(3)
    store.history.expire()
    assert [run.id for run in store.restores.all()] == [3, 4, 5, 6, 7]
    assert store.left() == [backup]
    assert not store.logs.exists('restore', 1)
    assert store.forgotten == [2, 1]


def test_nothing_to_do_is_fine(store: Store) -> None:
    store.history.expire()
    assert store.left() == []
    assert store.events == []


def test_very_many_go_in_one_write(store: Store) -> None:
    with store.backups.transaction():
        for _ in range(300):
            store.backups.add(Backup(job_id=1, client_id=1, status=Status.FAILED, end_time=days_ago(500)))
    store.history.expire()
    assert store.left() == []
    assert store.backup(1) == 301  # an id is never used again
