"""The database as its users see it: whole files, no lost write, troubles in plain words."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
from tinydb import TinyDB
from tinydb.table import Document

from plumbus.errors import StoreError
from plumbus.store.database import MIGRATIONS, Database
from plumbus.store.disk import ProcessLock
from plumbus.store.journal import Journal

TIME_LIMIT_S = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'db'


@pytest.fixture
def database(folder: Path) -> Database:
    return Database(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip('mounting a small file system needs root')
    mounted = tmp_path / 'small'
    mounted.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=128k,mode=0700', 'tmpfs', mounted], check=True)
    yield mounted
    subprocess.run(['umount', '-l', mounted], check=True)


@pytest.fixture
def read_only(request: pytest.FixtureRequest, folder: Path) -> Iterator[Path]:
    """A folder with a database that cannot be written: for root a read-only mount, else one without permission."""
    if os.geteuid() == 0:
        mounted: Path = request.getfixturevalue('small_disk')
        put(Database(mounted / 'db'), 'clients', 1, name='kept')
        subprocess.run(['mount', '-o', 'remount,ro', mounted], check=True)
        yield mounted / 'db'
    else:
        put(Database(folder), 'clients', 1, name='kept')
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)


@pytest.fixture
def quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def put(database: Database, table: str, doc_id: int, **fields: Any) -> None:
    with database.transaction():
        database.table(table).upsert(Document(fields, doc_id=doc_id))


def change_and_fail(database: Database, *changes: Callable[[], object]) -> None:
    with database.transaction():
        for change in changes:
            change()
        raise ZeroDivisionError


def on_disk(folder: Path, file: str = 'config.json') -> Any:
    return orjson.loads((folder / file).read_bytes())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def together(work: Callable[[int], None], threads: int) -> None:
    """Run `work(0…threads-1)` at the same time and raise the first error of any of them."""
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except Exception as error:  # noqa: BLE001 - raised again below, in the thread of the test
            errors.append(error)

    workers = [threading.Thread(target=guarded, args=(number,), daemon=True) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(TIME_LIMIT_S)
        assert not worker.is_alive()
    if errors:
        raise errors[0]


# What lies on disk


def test_it_touches_no_disk_until_it_is_used(folder: Path) -> None:
    database = Database(folder)
    assert database.table('clients').all() == []
    assert not folder.exists()


def test_it_keeps_documents_over_a_restart(folder: Path, database: Database) -> None:
    put(database, 'clients', 1, name='pi')
    assert Database(folder).table('clients').get(doc_id=1) == {'name': 'pi'}


def test_it_keeps_history_apart_from_configuration(folder: Path, database: Database) -> None:
    put(database, 'clients', 1, name='pi')
    put(database, 'backups', 1, job_id=1)
    put(database, 'restores', 1, backup_id=1)
    database.compact()
    assert {'clients'} == set(on_disk(folder)) - {'_schema'}
    assert {'backups', 'restores'} == set(on_disk(folder, 'history.json')) - {'_schema'}


def test_it_lets_nobody_else_read_its_files(folder: Path, database: Database) -> None:
    folder.mkdir(mode=0o755)
    before = os.umask(0)
    try:
        put(database, 'clients', 1, name='pi')
        put(database, 'backups', 1, job_id=1)
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_it_writes_json_that_people_and_plain_tinydb_can_read(folder: Path, database: Database) -> None:
    put(database, 'clients', 1, name='Küche')
    put(database, 'backups', 7, job_id=1)
    put(database, 'backups', 8, job_id=2)
    database.compact()
    assert '\n      "name": "Küche"' in (folder / 'config.json').read_text()
    with TinyDB(folder / 'config.json', access_mode='r') as plain:
        assert plain.table('clients').all() == [{'name': 'Küche'}]
    assert b'\n"7": {"job_id":1},\n"8": {"job_id":2}\n' in (folder / 'history.json').read_bytes()
    with TinyDB(folder / 'history.json', access_mode='r') as plain:
        assert plain.table('backups').get(doc_id=8) == {'job_id': 2}


def test_it_leaves_no_other_file_behind(folder: Path, database: Database) -> None:
    for number in range(3):
        put(database, 'clients', 1, number=number)
        database.check_writable()
        database.compact()
    assert names(folder) == ['.compacting', '.lock', 'config.json', 'journal.jsonl']


# Transactions


def test_it_writes_one_line_for_a_transaction(folder: Path, database: Database) -> None:
    put(database, 'clients', 1, name='old')
    before = (folder / 'journal.jsonl').read_bytes()
    put(database, 'backups', 1, job_id=1)
    files = {name: (folder / name).read_bytes() for name in ('config.json', 'history.json')}
    with database.transaction():
        for number in range(1, 6):
            put(database, 'clients', number, name='pi')
            put(database, 'backups', number, job_id=1)
        assert (folder / 'journal.jsonl').read_bytes().count(b'\n') == 3
    lines = (folder / 'journal.jsonl').read_bytes().splitlines()
    told = orjson.loads(lines[-1])['change']
    assert (before.count(b'\n'), len(lines)) == (2, 4)
    assert told['config']['clients'] == {str(number): {'name': 'pi'} for number in range(1, 6)}
    assert list(told['history']['backups']) == ['2', '3', '4', '5']
    assert {name: (folder / name).read_bytes() for name in files} == files


def test_it_undoes_everything_when_the_block_raises(folder: Path, database: Database) -> None:
    put(database, 'clients', 1, name='old', tags=['a'])
    with pytest.raises(ZeroDivisionError):
        change_and_fail(
            database,
            lambda: put(database, 'clients', 1, name='new'),
            lambda: put(database, 'clients', 2, name='other'),
            lambda: put(database, 'backups', 1, job_id=1),
        )
    assert database.table('clients').all() == [{'name': 'old', 'tags': ['a']}]
    assert database.table('backups').all() == []
    assert Database(folder).table('clients').all() == [{'name': 'old', 'tags': ['a']}]
    assert Database(folder).table('backups').all() == []


def test_it_keeps_nothing_when_an_inner_part_failed_after_changing_something(database: Database) -> None:
    def outer() -> None:
        with database.transaction():
            put(database, 'clients', 1, name='outer')
            with pytest.raises(ZeroDivisionError):
                change_and_fail(database, lambda: put(database, 'clients', 2, name='inner'))

    with pytest.raises(StoreError, match='nothing of it was kept'):
        outer()
    assert database.table('clients').all() == []
    put(database, 'clients', 1, name='later')
    assert database.table('clients').all() == [{'name': 'later'}]


def test_it_forgives_an_inner_part_that_failed_before_changing_anything(database: Database) -> None:
    with database.transaction():
        put(database, 'clients', 1, name='outer')
        with pytest.raises(ZeroDivisionError):
            change_and_fail(database)
    assert database.table('clients').all() == [{'name': 'outer'}]


def test_it_is_not_harmed_by_a_value_that_json_cannot_hold(folder: Path, database: Database) -> None:
    put(database, 'clients', 1, name='good')
    before = (folder / 'journal.jsonl').read_bytes()
    for bad in (object(), {1, 2}, '\udcff'):
        with pytest.raises(StoreError, match='cannot be stored'):
            put(database, 'clients', 2, value=bad)
    assert (folder / 'journal.jsonl').read_bytes() == before
    assert database.table('clients').all() == [{'name': 'good'}]
    put(database, 'clients', 2, name='next')
    assert len(Database(folder).table('clients')) == 2


def test_it_writes_neither_file_when_one_cannot_be_written(folder: Path, database: Database) -> None:
    def change_both() -> None:
        with database.transaction():
            put(database, 'clients', 1, name='pi')
            put(database, 'backups', 1, value=object())

    with pytest.raises(StoreError, match='cannot be stored'):
        change_both()
    assert Database(folder).table('clients').all() == []


# Ids


def test_it_gives_out_ids_of_each_table_from_one(database: Database) -> None:
    with database.transaction():
        assert [database.next_id('clients'), database.next_id('clients'), database.next_id('jobs')] == [
            1,
            2,
            1,
        ]
        assert database.next_id('backups') == 1


def test_it_does_not_give_out_a_reserved_id(folder: Path, database: Database) -> None:
    database.reserve_id('clients', 40)
    database.reserve_id('clients', 7)
    restarted = Database(folder)
    with restarted.transaction():
        assert restarted.next_id('clients') == 41


def test_it_takes_back_an_id_of_a_change_that_was_undone(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        change_and_fail(database, lambda: database.next_id('clients'))
    with database.transaction():
        assert database.next_id('clients') == 1


# Many at once


@pytest.mark.usefixtures('quick_switches')
def test_it_loses_nothing_when_many_threads_write(folder: Path, database: Database) -> None:
    def work(number: int) -> None:
        for _ in range(25):
            with database.transaction():
                counter = database.table('settings').get(doc_id=1) or {'value': 0}
                put(database, 'settings', 1, value=counter['value'] + 1)
                put(database, 'backups', database.next_id('backups'), thread=number)
            with database.lock:
                assert len(database.table('backups').all()) >= 1

    together(work, threads=8)
    restarted = Database(folder)
    assert restarted.table('settings').get(doc_id=1) == {'value': 200}
    assert len(restarted.table('backups')) == 200


COUNT_UP = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tinydb.table import Document
from plumbus.store.database import Database
database = Database(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    with database.transaction():
        counter = database.table('settings').get(doc_id=1) or {'value': 0}
        database.table('settings').upsert(Document({'value': counter['value'] + 1}, doc_id=1))
        backup_id = database.next_id('backups')
        database.table('backups').insert(Document({'id': backup_id}, doc_id=backup_id))
    print(backup_id, flush=True)
"""


def counting_child(folder: Path, times: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, '-c', COUNT_UP, str(folder), str(times)], stdout=subprocess.PIPE)


def test_it_loses_nothing_when_several_processes_write(folder: Path) -> None:
    with (
        counting_child(folder, 40) as one,
        counting_child(folder, 40) as two,
        counting_child(folder, 40) as three,
    ):
        codes = [child.wait(TIME_LIMIT_S) for child in (one, two, three)]
    assert codes == [0, 0, 0]
    assert Database(folder).table('settings').get(doc_id=1) == {'value': 120}
    assert len(Database(folder).table('backups')) == 120


def test_it_sees_at_once_what_another_process_wrote(folder: Path, database: Database) -> None:
    def is_pi(document: Mapping[str, Any]) -> bool:
        return bool(document['name'] == 'pi')

    put(database, 'clients', 1, name='pi')
    assert len(database.table('clients').search(is_pi)) == 1
    other = Database(folder)
    put(other, 'clients', 2, name='pi')
    assert len(database.table('clients').search(is_pi)) == 2
    put(database, 'clients', 3, name='pi')
    assert len(other.table('clients').search(is_pi)) == 3


def test_it_says_so_when_another_process_keeps_it_busy(tmp_path: Path) -> None:
    first, second = ProcessLock(tmp_path / '.lock'), ProcessLock(tmp_path / '.lock', timeout_s=0.05)
    first.acquire()
    with pytest.raises(StoreError, match='Another PLUMBUS process'):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


# Troubles of the disk


def test_it_names_the_remedy_when_the_disk_is_full(small_disk: Path) -> None:
    database = Database(small_disk / 'db')
    put(database, 'clients', 1, name='kept')
    with pytest.raises(StoreError, match='disk is full') as caught:
        put(database, 'clients', 2, name='x' * 200_000)
    assert 'Free some space' in caught.value.remedy
    assert str(small_disk) not in str(caught.value)
    assert database.table('clients').all() == [{'name': 'kept'}]
    put(database, 'clients', 2, name='small')
    assert len(Database(small_disk / 'db').table('clients')) == 2


def test_it_is_not_writable_on_a_full_disk(small_disk: Path) -> None:
    database = Database(small_disk / 'db')
    database.check_writable()
    filler = small_disk / 'filler'
    with pytest.raises(OSError, match='No space'):
        filler.write_bytes(b'x' * 1_000_000)
    with pytest.raises(StoreError, match='disk is full'):
        database.check_writable()
    filler.unlink()
    database.check_writable()


def test_it_names_the_remedy_where_it_may_not_write_and_can_still_read(read_only: Path) -> None:
    database = Database(read_only)
    for attempt in (lambda: put(database, 'clients', 2, name='new'), database.check_writable):
        with pytest.raises(StoreError, match=r'read-only|permission is denied') as caught:
            attempt()
        assert 'mount it writable' in caught.value.remedy or 'chown' in caught.value.remedy
    assert database.table('clients').all() == [{'name': 'kept'}]


@pytest.mark.parametrize(
    ('failing', 'change'),
    [
        ('fsync', lambda database: put(database, 'clients', 1, name='new')),
        ('write', lambda database: put(database, 'clients', 1, name='new')),
        ('fsync', Database.compact),
        ('replace', Database.compact),
    ],
)
def test_it_keeps_the_old_state_when_the_system_fails_while_writing(
    folder: Path,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    change: Callable[[Database], None],
) -> None:
    put(database, 'clients', 1, name='old')

    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, failing, fail)
        with pytest.raises(StoreError, match='Input/output error'):
            change(database)
    assert database.table('clients').all() == Database(folder).table('clients').all() == [{'name': 'old'}]
    assert {'.compacting', *names(folder)} == {'.compacting', '.lock', 'config.json', 'journal.jsonl'}
    put(database, 'clients', 1, name='newer')
    assert Database(folder).table('clients').all() == [{'name': 'newer'}]


def test_it_names_the_remedy_when_its_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('in the way')
    database = Database(tmp_path / 'file' / 'db')
    for attempt in (lambda: put(database, 'clients', 1), database.check_writable):
        with pytest.raises(StoreError) as caught:
            attempt()
        assert caught.value.remedy
    put(Database(tmp_path / 'db'), 'clients', 1)


@pytest.mark.parametrize(
    'content',
    [
        b'', b'{"clients": {"1": {"na', b'[]', b'{"clients": []}', b'{"clients": {"1": 5}}',
        b'{\n"clients": {\n"1": {"name": "pi},\n"2": {"name": "nas"}\n}\n}\n',
    ],
)  # fmt: skip
def test_it_refuses_a_damaged_file_and_does_not_touch_it(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / 'config.json').write_bytes(content)
    database = Database(folder)
    for attempt in (
        lambda: database.table('clients').all(),
        lambda: put(database, 'clients', 1, name='pi'),
        database.check_readable,
    ):
        with pytest.raises(StoreError, match=r'db/config\.json') as caught:
            attempt()
        assert 'rescan' in caught.value.remedy
    assert (folder / 'config.json').read_bytes() == content
    put(database, 'backups', 1, job_id=1)


def test_a_file_may_be_edited_by_hand_to_hold_several_documents_in_a_line(
    folder: Path, database: Database
) -> None:
    folder.mkdir()
    lines = b'{\n"clients": {\n"1": {"name": "pi"}, "2": {"name": "nas"},\n"3": {"name": "{}"}\n}\n}\n'
    (folder / 'config.json').write_bytes(lines)
    assert database.table('clients').all() == [{'name': 'pi'}, {'name': 'nas'}, {'name': '{}'}]


def test_it_does_not_overwrite_a_file_that_was_damaged_while_it_ran(folder: Path, database: Database) -> None:
    put(database, 'clients', 1, name='pi')
    (folder / 'config.json').write_bytes(b'{"clients": {"1"')
    for _ in range(2):
        with pytest.raises(StoreError, match='damaged'):
            database.table('clients').all()
        with pytest.raises(StoreError, match='damaged'):
            put(database, 'clients', 2, name='nas')
    assert (folder / 'config.json').read_bytes() == b'{"clients": {"1"'
    (folder / 'config.json').write_bytes(b'{"clients": {"2": {"name": "put back"}}}')
    assert database.table('clients').all() == [{'name': 'pi'}, {'name': 'put back'}], (
        'the journal goes on from it'
    )


# Schemas


def test_it_notes_the_schema_in_each_file(folder: Path, database: Database) -> None:
    put(database, 'clients', 1, name='pi')
    put(database, 'backups', 1, job_id=1)
    for file in ('config', 'history'):
        assert on_disk(folder, f'{file}.json')['_schema']['1']['version'] == 1 + len(MIGRATIONS[file])


def test_it_refuses_a_newer_schema_and_does_not_touch_the_file(folder: Path) -> None:
    folder.mkdir()
    content = b'{"_schema": {"1": {"version": 99}}, "clients": {}}'
    (folder / 'config.json').write_bytes(content)
    with pytest.raises(StoreError, match=r'newer PLUMBUS \(schema 99; this one knows 2\)') as caught:
        put(Database(folder), 'clients', 1, name='pi')
    assert 'newer PLUMBUS' in caught.value.remedy
    assert (folder / 'config.json').read_bytes() == content


def rename_address_to_host(tables: dict[str, dict[str, Any]]) -> None:
    for client in tables['clients'].values():
        client['host'] = client.pop('address')


def give_ports(tables: dict[str, dict[str, Any]]) -> None:
    for client in tables['clients'].values():
        client['port'] = 22 if client['host'] else 0


@pytest.mark.parametrize('compacted', [True, False], ids=['in the file', 'in the journal'])
def test_it_migrates_step_by_step_and_keeps_a_copy_of_the_old_state(folder: Path, *, compacted: bool) -> None:
    older = Database(folder, {})
    put(older, 'clients', 1, address='pi.local')
    if compacted:
        older.compact()
    newer = Database(folder, {'config': [rename_address_to_host, give_ports]})
    assert newer.table('clients').all() == [{'host': 'pi.local', 'port': 22}]
    put(newer, 'clients', 2, host='nas', port=22)
    assert on_disk(folder)['_schema']['1']['version'] == 3
    assert on_disk(folder, 'config.schema-1.json')['clients'] == {'1': {'address': 'pi.local'}}
    again = Database(folder, {'config': [rename_address_to_host, give_ports]})
    assert again.table('clients').get(doc_id=1) == {'host': 'pi.local', 'port': 22}
    with pytest.raises(StoreError, match='newer PLUMBUS'):
        older.table('clients').all()
    (folder / 'config.schema-1.json').replace(folder / 'config.json')
    (folder / 'journal.jsonl').unlink()
    assert Database(folder, {}).table('clients').all() == [{'address': 'pi.local'}], 'the way back'


def test_it_runs_only_the_migrations_that_a_file_lacks(folder: Path) -> None:
    put(Database(folder, {'config': [lambda tables: None]}), 'clients', 1, host='pi.local')
    newer = Database(folder, {'config': [rename_address_to_host, give_ports]})
    assert newer.table('clients').all() == [{'host': 'pi.local', 'port': 22}]


OF_SCHEMA_1 = b"""{
  "_schema": {
    "1": {
      "version": 1
    }
  },
  "%s": {
    "3": {
      "id": 3,
      "name": "K\xc3\xbcche"
    }
  },
  "_sequence": {
    "1": {
      "%s": 5
    }
  }
}
"""


def test_it_takes_over_what_a_plumbus_without_a_journal_left(folder: Path) -> None:
    folder.mkdir()
    tables = {'config': b'clients', 'history': b'backups'}
    old = {f'{file}.json': OF_SCHEMA_1 % (table, table) for file, table in tables.items()}
    for name, content in old.items():
        (folder / name).write_bytes(content)
    database = Database(folder)
    for table in ('clients', 'backups'):
        assert database.table(table).all() == [{'id': 3, 'name': 'Küche'}]
    assert names(folder) == ['config.json', 'history.json'], 'reading changes nothing'
    with database.transaction():
        assert database.next_id('backups') == 6
    put(database, 'clients', 4, name='nas')
    for file in tables:
        assert on_disk(folder, f'{file}.json')['_schema']['1']['version'] == 2, 'an older one refuses it'
        assert (folder / f'{file}.schema-1.json').read_bytes() == old[f'{file}.json']
    assert Database(folder).table('backups').get(doc_id=3) == {'id': 3, 'name': 'Küche'}


# Readers and the disk


@pytest.mark.parametrize('works', [True, False])
def test_nobody_who_reads_waits_for_the_disk(
    database: Database, monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    put(database, 'backups', 1, note='old')
    put(database, 'clients', 1, name='pi')
    append, writing, go_on = Journal.append, threading.Event(), threading.Event()

    def slow(journal: Journal, end: int, content: Mapping[str, Any]) -> int:
        writing.set()
        assert go_on.wait(TIME_LIMIT_S)
        if not works:
            raise StoreError('The disk is gone.')
        return append(journal, end, content)

    monkeypatch.setattr(Journal, 'append', slow)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(put, database, 'backups', 1, note='new')
        assert writing.wait(TIME_LIMIT_S)
        second = threads.submit(put, database, 'clients', 2, name='nas')
        with database.lock:
            assert dict(database.table('backups').all()[0]) == {'note': 'new'}, (
                'whole, though not on disk yet'
            )
            assert dict(database.table('clients').all()[0]) == {'name': 'pi'}
            assert len(database.table('clients')) == 1, 'who writes waits for whom writes'
        go_on.set()
        assert [bool(one.exception(TIME_LIMIT_S)) for one in (first, second)] == [not works] * 2
    assert dict(database.table('backups').all()[0]) == {'note': 'new' if works else 'old'}
    assert len(database.table('clients')) == (2 if works else 1)
    again = Database(database.path)
    assert dict(again.table('backups').all()[0]) == {'note': 'new' if works else 'old'}
