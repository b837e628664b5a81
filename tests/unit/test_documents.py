"""Typed records: what comes back is what was stored, and nobody else's copy."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from pydantic import AwareDatetime
from tinydb.table import Document

from plumbus.errors import Conflict, InvalidInput, NotFound, StoreError
from plumbus.model import Backup, Client, Job, Progress, Record, Restore, Retention, Status
from plumbus.store.database import Database
from plumbus.store.documents import Documents
from plumbus.store.journal import Journal
from plumbus.store.storage import JournalledStorage

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / 'db')


@pytest.fixture
def clients(database: Database, clock: Clock) -> Documents[Client]:
    return Documents(database, 'clients', Client, clock)


@pytest.fixture
def backups(database: Database, clock: Clock) -> Documents[Backup]:
    return Documents(database, 'backups', Backup, clock)


def restarted(database: Database) -> Database:
    return Database(database.path)


def pi(**fields: Any) -> Client:
    return Client.model_validate({'name': 'pi', 'host': 'pi.local', 'username': 'pi', **fields})


def backup(**fields: Any) -> Backup:
    return Backup.model_validate({'client_id': 1, 'job_id': 1, **fields})


# Adding and reading


def test_it_adds_with_id_and_times(clients: Documents[Client]) -> None:
    added = clients.add(pi())
    assert (added.id, added.revision, added.created_at, added.updated_at) == (1, 1, START, START)
    assert clients.get(1) == added
    assert clients.add(pi()).id == 2


def test_it_keeps_the_time_at_which_something_came_to_be_when_it_is_given(clients: Documents[Client]) -> None:
    earlier = START - timedelta(days=400)
    assert clients.add(pi(created_at=earlier)).created_at == earlier


def test_it_keeps_every_field_over_a_restart(database: Database, clock: Clock) -> None:
    job = Job(
        client_id=1,
        name='Küche "1"\n',
        source_paths=['/home', '/etc'],
        excludes=['*.tmp'],
        schedule='0 2 * * *',
        retention=Retention(keep_daily=7),
    )
    added = Documents(database, 'jobs', Job, clock).add(job)
    assert Documents(restarted(database), 'jobs', Job).get(added.id) == added


def test_it_keeps_times_exactly_and_aware(backups: Documents[Backup]) -> None:
    moment = datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    stored = backups.add(backup(start_time=moment))
    assert backups.get(stored.id).start_time == moment
    assert stored.start_time is not None
    assert stored.start_time.utcoffset() is not None


def test_it_stores_times_as_text(backups: Documents[Backup], database: Database) -> None:
    backups.add(backup(start_time=START))
    document = database.table('backups').get(doc_id=1)
    assert document is not None
    assert document['start_time'] == '2026-11-23T02:00:00Z'


def test_it_says_which_thing_there_is_not(clients: Documents[Client]) -> None:
    for attempt in (clients.get, clients.remove, clients.set, lambda item_id: clients.edit(item_id, {})):
        with pytest.raises(NotFound, match=r'^There is no client 7\.$'):
            attempt(7)
    assert clients.find(7) is None
    assert not clients.exists(7)


def test_it_never_stores_the_progress_of_a_run(backups: Documents[Backup], database: Database) -> None:
    added = backups.add(backup(progress=Progress(percent=3)))
    changed = backups.set(added.id, progress=Progress(percent=50), status=Status.RUNNING)
    assert (added.progress, changed.progress) == (None, None)
    document = database.table('backups').get(doc_id=1)
    assert document is not None
    assert 'progress' not in document


# Nobody shares a copy


def test_it_hands_out_copies(database: Database) -> None:
    restores = Documents(database, 'restores', Restore)
    given = Restore(client_id=1, backup_id=1, job_id=1, paths=['/a'], changes=[{'path': '/a', 'parts': [1]}])
    added = restores.add(given)
    given.paths.append('/given')
    given.changes[0]['parts'].append(2)
    for copy in (added, restores.get(1), restores.all()[0], restores.select().items[0], restores.set(1)):
        copy.paths.append('/copy')
        copy.changes[0]['parts'].append(3)
    stored = restores.get(1)
    assert (stored.paths, stored.changes) == (['/a'], [{'path': '/a', 'parts': [1]}])


def test_it_does_not_share_what_a_change_held(clients: Documents[Client]) -> None:
    clients.add(pi())
    groups = [27]
    clients.set(1, login_gids=groups)
    groups.append(0)
    assert clients.get(1).login_gids == [27]


# Changing


def test_it_counts_the_edits_of_a_user(clients: Documents[Client], clock: Clock) -> None:
    clients.add(pi())
    clock.now += timedelta(minutes=1)
    edited = clients.edit(1, {'name': 'kitchen', 'port': 2222}, revision=1)
    assert (edited.name, edited.port, edited.revision) == ('kitchen', 2222, 2)
    assert (edited.created_at, edited.updated_at) == (START, clock.now)
    assert clients.get(1) == edited


def test_it_refuses_an_edit_that_started_from_an_older_revision(clients: Documents[Client]) -> None:
    clients.add(pi())
    clients.edit(1, {'name': 'first tab'}, revision=1)
    with pytest.raises(Conflict, match='Someone changed this client in the meantime') as caught:
        clients.edit(1, {'name': 'second tab'}, revision=1)
    assert 'Reload' in caught.value.remedy
    assert clients.get(1).name == 'first tab'
    assert clients.edit(1, {'name': 'second tab'}).revision == 3


def test_it_sets_what_the_engine_finds_without_a_new_revision(
    clients: Documents[Client], clock: Clock
) -> None:
    clients.add(pi())
    clock.now += timedelta(minutes=1)
    changed = clients.set(1, login_uid=1000, login_gids=[1000, 27])
    assert (changed.login_uid, changed.login_gids, changed.revision) == (1000, [1000, 27], 1)
    assert changed.updated_at == clock.now
    assert clients.edit(1, {'name': 'x'}, revision=1).login_uid == 1000


def test_it_does_not_let_an_edit_touch_what_the_store_keeps(clients: Documents[Client]) -> None:
    clients.add(pi())
    changes = {
        'id': 5,
        'revision': 99,
        'created_at': None,
        'updated_at': None,
        'password': 's3cret',
        'name': 'x',
    }
    edited = clients.edit(1, changes)
    assert (edited.id, edited.revision, edited.created_at, edited.name) == (1, 2, START, 'x')
    assert not clients.exists(5)


def test_it_refuses_to_set_an_unknown_field(clients: Documents[Client]) -> None:
    clients.add(pi())
    with pytest.raises(TypeError, match='nmae'):
        clients.set(1, nmae='x')
    with pytest.raises(TypeError, match='revision'):
        clients.set(1, revision=7)


def test_it_refuses_a_wrong_value_and_keeps_the_old_one(clients: Documents[Client]) -> None:
    clients.add(pi())
    with pytest.raises(InvalidInput) as caught:
        clients.edit(1, {'name': 'x', 'port': 'many'})
    assert list(caught.value.fields) == ['port']
    assert clients.get(1).name == 'pi'


@pytest.mark.parametrize('bad', [object(), b'\xff', '\udcff'])
def test_it_is_not_harmed_by_a_value_that_cannot_be_stored(database: Database, bad: object) -> None:
    restores = Documents(database, 'restores', Restore)
    restores.add(Restore(client_id=1, backup_id=1, job_id=1))
    with pytest.raises(StoreError, match='This restore cannot be stored'):
        restores.set(1, changes=[{'bad': bad}])
    with pytest.raises(StoreError, match='This restore cannot be stored'):
        restores.add(Restore(client_id=1, backup_id=1, job_id=1, changes=[{'bad': bad}]))
    assert restores.get(1).changes == []
    assert restores.add(Restore(client_id=1, backup_id=1, job_id=1)).id == 2
    assert Documents(restarted(database), 'restores', Restore).count() == 2


def test_it_joins_in_a_transaction_of_its_caller(
    database: Database, clients: Documents[Client], backups: Documents[Backup]
) -> None:
    def change() -> None:
        with database.transaction():
            clients.add(pi())
            backups.add(backup())
            clients.get(99)

    with pytest.raises(NotFound):
        change()
    assert (clients.count(), backups.count()) == (0, 0)


# Ids


def test_it_never_uses_an_id_again(database: Database, clients: Documents[Client]) -> None:
    for _ in range(3):
        clients.add(pi())
    clients.remove(3)
    clients.remove(2)
    assert clients.add(pi()).id == 4
    clients.remove(4)
    after_restart = Documents(restarted(database), 'clients', Client)
    assert after_restart.add(pi()).id == 5
    assert [client.id for client in after_restart.all()] == [1, 5]


def test_it_restores_an_item_under_its_own_id(backups: Documents[Backup]) -> None:
    old = backup(
        id=30, revision=4, created_at=START - timedelta(days=9), updated_at=START - timedelta(days=8)
    )
    assert backups.restore(old) == old
    backups.restore(backup(id=12))
    assert backups.get(12).created_at == START
    assert [item.id for item in backups.all()] == [12, 30]
    assert backups.add(backup()).id == 31
    assert backups.restore(old.model_copy(update={'note': 'again'})).note == 'again'
    assert backups.count() == 3


def test_it_restores_very_many_at_once(backups: Documents[Backup], database: Database) -> None:
    old = [backup(id=number, created_at=START, note=f'{number}') for number in range(1, 10_001)]
    with mock.patch.object(
        JournalledStorage, 'change', autospec=True, side_effect=JournalledStorage.change
    ) as change:
        backups.restore_all(old)
    assert change.call_count < 10, 'not the table for each of them'
    assert backups.count() == 10_000
    assert backups.get(7).note == '7'
    assert (backups.get(7).created_at, backups.get(7).updated_at) == (START, START)
    assert Documents(restarted(database), 'backups', Backup).add(backup()).id == 10_001


def test_it_adds_very_many_at_once(database: Database, backups: Documents[Backup], clock: Clock) -> None:
    backups.add(backup())
    assert backups.add_all([]) == []
    earlier = START - timedelta(days=1)
    added = backups.add_all([backup(job_id=7, created_at=earlier), *[backup()] * 999])
    assert [one.id for one in added] == list(range(2, 1002))
    assert (added[0].job_id, added[0].created_at, added[1].created_at) == (7, earlier, START)
    assert backups.get(2) == added[0]
    again = Documents(restarted(database), 'backups', Backup, clock)
    assert (again.count(), again.add(backup()).id) == (1001, 1002)


def test_it_adds_all_or_none(database: Database) -> None:
    restores = Documents(database, 'restores', Restore)
    good = Restore(client_id=1, backup_id=1, job_id=1)
    with pytest.raises(StoreError, match='cannot be stored'):
        restores.add_all([good, good.model_copy(update={'changes': [{'bad': object()}]})])
    assert restores.count() == 0
    assert restores.add_all([good])[0].id == 1


def test_it_restores_all_or_none(backups: Documents[Backup]) -> None:
    backups.restore_all([])
    backups.restore(backup(id=5))
    with pytest.raises(ValueError, match='already exists'):
        backups.restore_all([backup(id=4), backup(id=5)])
    assert [one.id for one in backups.all()] == [5]
    assert backups.add(backup()).id == 6


def test_it_refuses_to_restore_an_item_without_an_id(backups: Documents[Backup]) -> None:
    with pytest.raises(ValueError, match='needs its id'):
        backups.restore_all([backup(id=1), backup()])
    with pytest.raises(ValueError, match='id'):
        backups.restore(backup())


# Selecting


def test_it_pages_newest_first(backups: Documents[Backup]) -> None:
    for _ in range(5):
        backups.add(backup())
    page = backups.select(limit=2, offset=1)
    assert ([item.id for item in page.items], page.total) == ([4, 3], 5)
    assert [item.id for item in backups.select(newest_first=False, limit=2).items] == [1, 2]
    assert backups.select(offset=99).items == []
    assert backups.select(limit=0).total == 5


@pytest.mark.parametrize(('offset', 'limit'), [(0, 2), (1, 100), (4, 3), (5, 3), (9, 1), (0, 0)])
@pytest.mark.parametrize('match', [None, {'client_id': 1}, {'client_id': 1, 'job_id': 2}])
def test_a_raw_page_holds_what_a_page_holds(
    backups: Documents[Backup], match: dict[str, int] | None, offset: int, limit: int
) -> None:
    for number in range(5):
        backups.add(Backup(client_id=1, job_id=number % 3))
    page = backups.select(match=match, limit=limit, offset=offset)
    raw = backups.raw_page(match, limit=limit, offset=offset)
    assert [one['id'] for one in raw.items] == [one.id for one in page.items]
    wanted = [one.id for one in backups.all(match)][::-1]
    assert [one.id for one in page.items] == wanted[offset : offset + limit]
    assert raw.total == page.total == len(wanted)


def test_it_selects_by_the_raw_document(backups: Documents[Backup]) -> None:
    for job_id in (1, 2, 1):
        backups.add(backup(job_id=job_id, status=Status.FAILED, start_time=START))

    def of_job_1(document: Mapping[str, Any]) -> bool:
        return document['job_id'] == 1 and document['status'] == 'failed' and document['start_time'] < '2027'

    page = backups.select(of_job_1)
    assert ([item.id for item in page.items], page.total) == ([3, 1], 2)
    assert (backups.count(of_job_1), backups.count()) == (2, 3)


def test_it_sees_a_change_in_a_selection_made_before(backups: Documents[Backup]) -> None:
    def running(document: Mapping[str, Any]) -> bool:
        return bool(document['status'] == 'running')

    backups.add(backup())
    assert backups.count(running) == 0
    backups.set(1, status=Status.RUNNING)
    assert backups.count(running) == backups.select(running).total == 1


def test_it_pages_over_many_records_without_reading_them_again(
    database: Database, backups: Documents[Backup]
) -> None:
    one = backups.add(
        backup(client_name='pi', job_name='home', backup_path='backups/pi-1/home-1/2026-11-23T020000Z')
    )
    fields = one.model_dump(mode='json', exclude={'progress'})
    with database.transaction():
        database.table('backups').insert_multiple(
            Document({**fields, 'id': number, 'job_id': number % 20}, doc_id=number)
            for number in range(2, 10_001)
        )
    with mock.patch.object(Journal, 'lines') as reads:
        page = backups.select(lambda document: document['job_id'] == 7, limit=50, offset=100)
        assert (page.total, len(page.items)) == (500, 50)
        assert [backups.get(number).id for number in range(1, 1001)] == list(range(1, 1001))
    assert reads.call_count == 0, 'all is in memory'


# Records that do not fit


class Young(Record):
    """A record as an older version wrote it."""

    name: str


class Grown(Young):
    """The same record with a field of a newer version."""

    seen_at: AwareDatetime | None = None
    tags: list[str] = []


def test_it_reads_records_from_before_a_field_was_added(database: Database) -> None:
    Documents(database, 'things', Young).add(Young(name='old'))
    assert Documents(database, 'things', Grown).get(1).tags == []


def test_it_names_the_field_of_a_record_that_does_not_fit(
    database: Database, clients: Documents[Client]
) -> None:
    with database.transaction():
        database.table('clients').insert(Document({'id': 1, 'name': 'pi', 'username': 's3cret'}, doc_id=1))
    with pytest.raises(StoreError, match='host') as caught:
        clients.get(1)
    assert 's3cret' not in str(caught.value)
    assert caught.value.remedy


def test_it_removes_many_in_one_write(database: Database, clients: Documents[Client]) -> None:
    for _ in range(5):
        clients.add(pi())
    clients.remove_all([2, 4, 5, 99])
    clients.remove_all([])
    assert [client.id for client in Documents(restarted(database), 'clients', Client).all()] == [1, 3]
    assert clients.add(pi()).id == 6


def test_changes_of_a_transaction_are_kept_together(database: Database, clients: Documents[Client]) -> None:
    clients.add(pi())
    with pytest.raises(ValueError, match='stop'), clients.transaction():  # noqa: PT012
        clients.set(1, name='other')
        clients.remove(1)
        raise ValueError('stop')
    assert clients.get(1).name == pi().name
    with clients.transaction():
        clients.set(1, name='other')
        clients.add(pi())
    assert [client.name for client in Documents(restarted(database), 'clients', Client).all()] == [
        'other', pi().name,
    ]  # fmt: skip
