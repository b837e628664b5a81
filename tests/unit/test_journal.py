"""The journal of the database: torn, damaged, out of step, shortened, and killed at any moment."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from tinydb.table import Document

from plumbus.errors import StoreError
from plumbus.store import database as database_module
from plumbus.store.database import Database
from plumbus.store.disk import ProcessLock
from plumbus.store.journal import Journal, packed, unpacked
from plumbus.store.storage import JournalledStorage

TIME_LIMIT_S = 60
ROUNDS = 14


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / 'db'


@pytest.fixture
def database(folder: Path) -> Database:
    return Database(folder)


@pytest.fixture
def journal(folder: Path) -> Path:
    return folder / 'journal.jsonl'


def put(database: Database, doc_id: int, *, table: str = 'backups', **fields: object) -> None:
    with database.transaction():
        database.table(table).upsert(Document(fields, doc_id=doc_id))


def stored(database: Database, table: str = 'backups') -> dict[int, object]:
    return {document.doc_id: dict(document) for document in database.table(table)}


def test_each_line_is_json_with_a_checksum(folder: Path, database: Database, journal: Path) -> None:
    put(database, 1, note='Küche\n')
    head, line = map(orjson.loads, journal.read_bytes().splitlines())
    assert head['change'] == {'after': {'history': 0}}
    assert line['change'] == {'seq': 1, 'history': {'backups': {'1': {'note': 'Küche\n'}}}}
    assert int(line['crc32'], 16) == zlib.crc32(journal.read_bytes().splitlines()[1][32:-1])
    assert journal.stat().st_mode & 0o777 == 0o600


def test_a_line_that_was_changed_anywhere_is_not_whole() -> None:
    line = packed({'seq': 7})
    assert unpacked(line) == {'seq': 7}
    for place in range(len(line)):
        assert unpacked(line[:place]) is None
        assert unpacked(line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :]) is None


@pytest.mark.parametrize(
    'tear',
    [lambda line: line[:-1], lambda line: line[:9], lambda line: line[:9] + b'\0' * 50, lambda line: b'\0'],
)
def test_a_torn_last_line_is_dropped_and_written_over(
    folder: Path, database: Database, journal: Path, tear: Callable[[bytes], bytes]
) -> None:
    put(database, 1, n=1)
    whole = journal.read_bytes()
    put(database, 2, n=2)
    journal.write_bytes(whole + tear(journal.read_bytes()[len(whole) :]))
    for again in (database, Database(folder)):
        assert stored(again) == {1: {'n': 1}}
    survivor = Database(folder)
    put(survivor, 3, n=3)
    assert stored(Database(folder)) == stored(survivor) == stored(database) == {1: {'n': 1}, 3: {'n': 3}}


def test_a_line_that_another_process_is_writing_is_not_there_yet(database: Database, journal: Path) -> None:
    put(database, 1, n=1)
    whole = journal.read_bytes()
    put(database, 2, n=2)
    reader, full = Database(database.path), journal.read_bytes()
    for place in range(len(whole), len(full), 7):
        journal.write_bytes(full[:place])
        assert stored(reader) == {1: {'n': 1}}
    journal.write_bytes(full)
    assert stored(reader) == {1: {'n': 1}, 2: {'n': 2}}


def test_a_damaged_line_within_is_told_and_nothing_is_written_over(database: Database, journal: Path) -> None:
    for number in range(1, 4):
        put(database, number, n=number)
    damaged = journal.read_bytes().replace(b'"n":2', b'"n":9')
    journal.write_bytes(damaged)
    for attempt in (lambda: stored(Database(database.path)), lambda: put(Database(database.path), 4, n=4)):
        with pytest.raises(
            StoreError, match=r'db/journal\.jsonl in the data folder is damaged at byte'
        ) as caught:
            attempt()
        assert 'rescan' in caught.value.remedy
    assert journal.read_bytes() == damaged


def test_compacting_leaves_a_short_journal_and_the_same_documents(
    folder: Path, database: Database, journal: Path
) -> None:
    other = Database(folder)
    for number in range(1, 20):
        put(database, number, n=number, text='x' * 500)
        put(database, 1, table='clients', n=number)
    database.table('backups').remove(doc_ids=[3])
    expected = stored(database), stored(database, 'clients')
    assert (stored(other), stored(other, 'clients')) == expected
    database.compact()
    assert journal.stat().st_size < 200
    assert 3 not in expected[0]
    for one in (database, other, Database(folder)):
        assert (stored(one), stored(one, 'clients')) == expected
    put(other, 20, n=20)
    assert 20 in stored(database)
    with database.transaction():
        assert database.next_id('backups') == 1, 'ids are given out by whoever adds'


def test_only_files_that_lack_something_are_written(folder: Path, database: Database) -> None:
    put(database, 1, table='clients', n=1)
    put(database, 1, n=1)
    database.compact()
    before = (folder / 'history.json').stat().st_ino
    put(database, 1, table='clients', n=2)
    database.compact()
    put(database, 2, n=2)
    assert (folder / 'history.json').stat().st_ino == before
    assert stored(Database(folder)) == {1: {'n': 1}, 2: {'n': 2}}
    assert stored(Database(folder), 'clients') == {1: {'n': 2}}


def test_others_go_on_while_the_files_are_written_anew(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database, 1, n=1)
    storage = type(database._files.storages['history'])
    prepare = storage.prepare

    def prepare_and_change(*arguments: object) -> object:
        prepared = prepare(*arguments)  # type: ignore[arg-type]
        worker = threading.Thread(target=put, args=(database, 2), kwargs={'n': 2})
        worker.start()
        worker.join(TIME_LIMIT_S)
        assert not worker.is_alive()
        put(Database(folder), 1, n=9)
        return prepared

    monkeypatch.setattr(JournalledStorage, 'prepare', prepare_and_change)
    database.compact()
    monkeypatch.undo()
    assert stored(database) == stored(Database(folder)) == {1: {'n': 9}, 2: {'n': 2}}
    assert orjson.loads((folder / 'history.json').read_bytes())['backups'] == {'1': {'n': 1}}
    database.compact()
    assert stored(Database(folder)) == {1: {'n': 9}, 2: {'n': 2}}


def test_what_was_replaced_meanwhile_is_not_written_over(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database, 1, n=1)
    storage = type(database._files.storages['history'])
    prepare = storage.prepare

    def prepare_and_be_overtaken(*arguments: object) -> object:
        prepared = prepare(*arguments)  # type: ignore[arg-type]
        beside = prepared[0].rename(folder / 'kept')
        monkeypatch.undo()
        ProcessLock.release(locks[-1])
        put(Database(folder), 1, n=2)
        Database(folder).compact()
        beside.rename(prepared[0])
        return prepared

    locks: list[ProcessLock] = []
    acquire = ProcessLock.acquire

    def noted(lock: ProcessLock) -> None:
        locks.append(lock)
        acquire(lock)

    monkeypatch.setattr(JournalledStorage, 'prepare', prepare_and_be_overtaken)
    monkeypatch.setattr(ProcessLock, 'acquire', noted)
    database.compact()
    assert stored(Database(folder)) == stored(database) == {1: {'n': 2}}
    assert not list(folder.glob('*.new'))


def test_two_do_not_compact_at_once(folder: Path, database: Database) -> None:
    put(database, 1, n=1)
    busy = ProcessLock(folder / '.compacting')
    busy.acquire()
    with pytest.raises(StoreError, match='Another PLUMBUS process'):
        database.compact()
    busy.release()
    database.compact()


def test_it_tidies_up_only_when_the_journal_has_grown(
    database: Database, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database, 1, text='x' * 2000)
    database.tidy()
    assert journal.stat().st_size > 2000
    monkeypatch.setattr(database_module, 'LARGE_JOURNAL', 1000)
    database.tidy()
    assert journal.stat().st_size < 200


def test_at_the_end_a_small_database_is_left_whole(
    database: Database, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database, 1, text='x' * 2000)
    monkeypatch.setattr(database_module, 'SMALL_DATABASE', 1000)
    database.close()
    assert journal.stat().st_size > 2000
    monkeypatch.undo()
    database.close()
    assert journal.stat().st_size < 200


# Files that do not fit together


def test_a_copy_of_a_file_is_brought_up_to_date_by_the_journal(folder: Path, database: Database) -> None:
    put(database, 1, n=1)
    copy = (folder / 'history.json').read_bytes()
    put(database, 2, n=2)
    (folder / 'history.json').write_bytes(copy)
    assert stored(database) == stored(Database(folder)) == {1: {'n': 1}, 2: {'n': 2}}


def test_a_copy_that_is_too_old_for_the_journal_is_refused(
    folder: Path, database: Database, journal: Path
) -> None:
    put(database, 1, n=1)
    copy = (folder / 'history.json').read_bytes()
    database.compact()
    put(database, 2, n=2)
    (folder / 'history.json').write_bytes(copy)
    for attempt in (lambda: stored(database), lambda: put(Database(folder), 3, n=3)):
        with pytest.raises(StoreError, match=r'db/history\.json is older than db/journal\.jsonl') as caught:
            attempt()
        assert 'move the journal away' in caught.value.remedy
    put(database, 1, table='clients', n=1)
    journal.unlink()
    assert stored(Database(folder)) == {}
    put(Database(folder), 3, n=3)
    assert stored(Database(folder)) == {3: {'n': 3}}


def test_an_old_copy_is_taken_while_the_journal_tells_nothing(folder: Path, database: Database) -> None:
    put(database, 1, table='clients', n=1)
    put(database, 1, n=1)
    copy = (folder / 'history.json').read_bytes()
    database.compact()
    (folder / 'history.json').write_bytes(copy)
    again = Database(folder)
    assert stored(again) == {}
    put(again, 2, n=2)
    put(again, 2, table='clients', n=2)
    assert stored(Database(folder)) == {2: {'n': 2}}
    assert stored(Database(folder), 'clients') == {1: {'n': 1}, 2: {'n': 2}}


def test_it_notices_that_the_whole_folder_was_moved_away(folder: Path, database: Database) -> None:
    put(database, 1, n=1)
    folder.rename(folder.with_name('away'))
    assert stored(database) == {}
    put(database, 7, n=7)
    assert stored(Database(folder)) == {7: {'n': 7}}


# Killed at any moment

COUNT_UP = """
import sys, threading
from pathlib import Path
from tinydb.table import Document
from plumbus.store.database import Database
database = Database(Path(sys.argv[1]))
def compact():
    while True:
        database.compact()
threading.Thread(target=compact, daemon=True).start()
while True:
    with database.transaction():
        counter = database.table('settings').get(doc_id=1) or {'value': 0}
        database.table('settings').upsert(Document({'value': counter['value'] + 1}, doc_id=1))
        backup_id = database.next_id('backups')
        database.table('backups').insert(Document({'id': backup_id, 'text': 'x' * 3000}, doc_id=backup_id))
    print(backup_id, flush=True)
"""


@pytest.fixture
def counting(folder: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, '-c', COUNT_UP, str(folder)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for child in started:
        child.kill()
        child.communicate(timeout=TIME_LIMIT_S)


def test_killed_at_any_moment_it_has_the_old_or_the_new_state_of_both_files(
    folder: Path, counting: Callable[[], subprocess.Popen[bytes]]
) -> None:
    chance = random.Random(9)
    acknowledged = 0
    for _ in range(ROUNDS):
        child = counting()
        assert child.stdout is not None
        acknowledged = int(child.stdout.readline())
        time.sleep(chance.uniform(0, 0.05))  # any moment will do, so nothing is waited for
        child.send_signal(signal.SIGKILL)
        acknowledged = max(acknowledged, *map(int, child.stdout.read().split()), 0)
        child.wait(TIME_LIMIT_S)
        survivor = Database(folder)
        kept = {document['id'] for document in survivor.table('backups')}
        assert kept == set(range(1, len(kept) + 1))
        assert len(kept) in {acknowledged, acknowledged + 1}
        assert stored(survivor, 'settings') == {1: {'value': len(kept)}}, 'both files or none'
        acknowledged = len(kept)
    put(survivor, 1, table='clients', name='still writable')


def test_a_line_that_could_not_be_written_whole_is_taken_back(
    database: Database, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(database, 1, n=1)
    before = journal.read_bytes()
    real = os.write

    def half(descriptor: int, data: bytes) -> int:
        if len(data) < 60:
            raise OSError(28, 'No space left on device')
        return real(descriptor, bytes(data)[: len(data) // 2])

    with monkeypatch.context() as patched:
        patched.setattr(os, 'write', half)
        with pytest.raises(StoreError, match='disk is full'):
            put(database, 2, text='x' * 1000)
    assert journal.read_bytes() == before
    assert stored(database) == stored(Database(database.path)) == {1: {'n': 1}}


def test_an_empty_journal_is_begun_anew(folder: Path, database: Database, journal: Path) -> None:
    put(database, 1, n=1)
    database.compact()
    journal.write_bytes(b'')
    assert stored(database) == {1: {'n': 1}}
    assert list(Journal(journal).lines()) == []
    put(database, 2, n=2)
    assert stored(Database(folder)) == {1: {'n': 1}, 2: {'n': 2}}
