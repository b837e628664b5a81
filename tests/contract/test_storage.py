"""TinyDB must not notice whether it stands on memory or on our file with its journal."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb import TinyDB, where
from tinydb.operations import delete, increment
from tinydb.storages import MemoryStorage, Storage
from tinydb.table import Document

from plumbus.store.files import Files
from plumbus.store.tables import JournalledTinyDB

TREES: dict[str, Any] = {
    'text': 'Küche\n\t"🔑"',
    'list': [1, [2.5, None]],
    'map': {'a': {'b': True}},
    'big': 2**53,
}


def storage_at(path: Path) -> Storage:
    return Files(path.parent, {path.stem: ()}).storages[path.stem]


@pytest.fixture(params=['memory', 'journalled', 'journalled, with tables that know of it'])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def storage(kind: str, tmp_path: Path) -> Storage:
    return MemoryStorage() if kind == 'memory' else storage_at(tmp_path / 'db' / 'file.json')


@pytest.fixture
def tinydb(kind: str, storage: Storage) -> Iterator[TinyDB]:
    database = JournalledTinyDB if 'tables' in kind else TinyDB
    with database(storage=lambda: storage) as opened:
        yield opened


def test_it_starts_empty(tinydb: TinyDB) -> None:
    assert tinydb.tables() == set()
    assert len(tinydb.table('a')) == 0
    assert tinydb.table('a').get(doc_id=1) is None


def test_it_keeps_documents_of_every_shape(tinydb: TinyDB) -> None:
    assert tinydb.table('a').insert(TREES) == 1
    assert tinydb.table('a').get(doc_id=1) == TREES


def test_it_counts_ids_up_and_takes_given_ones(tinydb: TinyDB) -> None:
    table = tinydb.table('a')
    assert table.insert({'n': 1}) == 1
    assert table.insert(Document({'n': 2}, doc_id=12)) == 12
    assert table.insert_multiple([{'n': 3}, {'n': 4}]) == [13, 14]
    with pytest.raises(ValueError, match='already exists'):
        table.insert(Document({'n': 5}, doc_id=12))
    assert [document.doc_id for document in table] == [1, 12, 13, 14]


def test_it_finds_by_condition(tinydb: TinyDB) -> None:
    table = tinydb.table('a')
    table.insert_multiple({'n': number, 'even': number % 2 == 0} for number in range(6))
    assert [document['n'] for document in table.search(where('even') == True)] == [0, 2, 4]  # noqa: E712
    assert table.count(where('n') > 3) == 2
    assert table.contains(where('n') == 5)


def test_it_updates_and_removes(tinydb: TinyDB) -> None:
    table = tinydb.table('a')
    table.insert_multiple({'n': number, 'x': 1} for number in range(4))
    table.update({'n': 100}, doc_ids=[1])
    table.update(increment('n'), where('n') == 1)
    table.update(delete('x'), doc_ids=[4])
    table.upsert(Document({'n': 7}, doc_id=9))
    table.remove(doc_ids=[3])
    assert {document.doc_id: dict(document) for document in table} == {
        1: {'n': 100, 'x': 1},
        2: {'n': 2, 'x': 1},
        4: {'n': 3},
        9: {'n': 7},
    }


def test_it_keeps_tables_apart(tinydb: TinyDB) -> None:
    tinydb.table('a').insert({'n': 1})
    tinydb.table('b').insert({'n': 2})
    tinydb.table('a').truncate()
    assert (tinydb.table('a').all(), tinydb.table('b').all()) == ([], [{'n': 2}])
    tinydb.drop_table('a')
    assert tinydb.tables() == {'b'}
    tinydb.drop_tables()
    assert tinydb.tables() == set()


def test_it_shows_a_second_opener_what_was_written(storage: Storage, tinydb: TinyDB) -> None:
    tinydb.table('a').insert(TREES)
    assert TinyDB(storage=lambda: storage).table('a').all() == [TREES]


# What only a file can promise


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'db' / 'file.json'


def opened(path: Path, kind: type[TinyDB] = JournalledTinyDB) -> TinyDB:
    path.parent.mkdir(exist_ok=True)
    return kind(storage=lambda: storage_at(path))


def test_it_holds_everything_after_a_restart(path: Path) -> None:
    opened(path).table('a').insert(TREES)
    assert opened(path).table('a').get(doc_id=1) == TREES


def test_it_notices_that_somebody_else_replaced_the_file(path: Path) -> None:
    first, second = opened(path), opened(path)
    first.table('a').insert(Document({'n': 1}, doc_id=1))
    second.table('a').insert(Document({'n': 2}, doc_id=2))
    first.table('a').insert(Document({'n': 3}, doc_id=3))
    assert [document['n'] for document in second.table('a')] == [1, 2, 3]


def test_it_notices_that_the_file_was_removed(path: Path) -> None:
    database = opened(path)
    database.table('a').insert({'n': 1})
    for file in path.parent.iterdir():
        file.unlink()
    assert database.table('a').all() == []


Change = tuple[str, int, int]
CHANGES = st.lists(
    st.tuples(st.sampled_from(['upsert', 'update', 'remove', 'truncate']), st.integers(1, 5), st.integers()),
    max_size=12,
)
ACTIONS: dict[str, Callable[[TinyDB, int, int], object]] = {
    'upsert': lambda tinydb, doc_id, n: tinydb.table('a').upsert(Document({'n': n}, doc_id=doc_id)),
    'update': lambda tinydb, doc_id, n: tinydb.table('a').update({'n': n, 'm': [n]}, doc_ids=[doc_id]),
    'remove': lambda tinydb, doc_id, n: tinydb.table('a').remove(where('n') == n),
    'truncate': lambda tinydb, doc_id, n: tinydb.table('a').truncate(),
}


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from([TinyDB, JournalledTinyDB]),
    changes=CHANGES.map(lambda changes: [(name, doc_id, n % 1000) for name, doc_id, n in changes]),
)
def test_it_ends_as_memory_does_whatever_is_done(kind: type[TinyDB], changes: list[Change]) -> None:
    memory = TinyDB(storage=MemoryStorage)
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'file.json'
        ours, reader = opened(path, kind), opened(path)
        for name, doc_id, n in changes:
            for tinydb in (memory, ours):
                ACTIONS[name](tinydb, doc_id, n)
            assert by_id(reader) == by_id(memory)
        assert by_id(opened(path)) == by_id(ours) == by_id(memory)


def by_id(tinydb: TinyDB) -> dict[int, dict[str, Any]]:
    return {document.doc_id: dict(document) for document in tinydb.table('a')}
