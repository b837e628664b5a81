"""Names are found where and as long as snapshots have them, and a broken index is made anew."""

import random
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from plumbus.errors import StoreError
from plumbus.services.search import folded
from plumbus.store.search_index import GONE, Hit, Known, Row, SearchIndex


def rows(*paths: str, size: int = 1) -> Iterable[Row]:
    for path in paths:
        folder, _, name = path.encode('utf-8', 'surrogateescape').rpartition(b'/')
        yield Row(folder, name, 'f', size, 10)


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    made = SearchIndex(tmp_path / 'index' / 'search.sqlite', folded)
    made.prepare()
    return made


def told(hits: list[Hit]) -> list[tuple[int, str, int, int]]:
    return sorted(
        (hit.job_id, f'{hit.folder.decode()}/{hit.name.decode()}', hit.first, hit.last) for hit in hits
    )


def test_it_tells_from_when_to_when(index: SearchIndex) -> None:
    index.add(Known(1, 1, 1), rows('etc/a', 'etc/b'))
    index.add(Known(2, 1, 1), rows('etc/a', 'etc/c'))
    index.add(Known(3, 1, 1), rows('etc/a', 'etc/b'))
    hits, more = index.find('etc/')
    assert told(hits) == [(1, 'etc/a', 1, 3), (1, 'etc/b', 1, 3), (1, 'etc/c', 2, 2)]
    assert not more
    assert told(index.find('b', backup_id=2)[0]) == []
    assert told(index.find('c', backup_id=2)[0]) == [(1, 'etc/c', 2, 2)]
    assert told(index.find('b', backup_id=1)[0]) == [(1, 'etc/b', 1, 1)]


def test_what_a_removed_backup_alone_had_is_gone(index: SearchIndex) -> None:
    index.add(Known(1, 1, 1), rows('a', 'b'))
    index.add(Known(2, 1, 1), rows('b', 'c'))
    index.add(Known(3, 1, 1), rows('c', 'd'))
    index.remove([Known(1, 1, 1)])
    assert [len(index.find(name)[0]) for name in 'abcd'] == [0, 1, 1, 1]
    index.remove([Known(3, 1, 1)])
    assert told(index.find('c')[0]) == [(1, '/c', 2, 2)]
    assert index.find('d')[0] == []
    index.add(Known(4, 1, 1), rows('c'))
    assert told(index.find('c')[0]) == [(1, '/c', 2, 4)]
    assert index.find('b')[0][0].last == 2


def test_it_shows_how_a_file_was_last(index: SearchIndex) -> None:
    index.add(Known(1, 1, 1), rows('a', size=1))
    index.add(Known(2, 1, 1), rows('a', size=7))
    assert [hit.size for hit in index.find('a')[0]] == [7]


def test_it_is_narrowed_to_a_job_and_a_client(index: SearchIndex) -> None:
    for number, (job_id, client_id) in enumerate([(1, 1), (2, 1), (3, 2)], start=1):
        index.add(Known(number, job_id, client_id), rows('same'))
    assert len(index.find('same')[0]) == 3
    assert [hit.job_id for hit in index.find('same', job_id=2)[0]] == [2]
    assert [hit.job_id for hit in index.find('same', client_id=1)[0]] == [1, 2]
    assert index.find('same', client_id=2, job_id=1)[0] == []


@pytest.mark.parametrize(
    ('text', 'found'),
    [
        ('NOTES', ['home/Notes.txt']), ('*.txt', ['home/Notes.txt', 'home/deep/x.txt']), ('?.txt', ['home/deep/x.txt']),
        ('deep/x', ['home/deep/x.txt']), ('/home/deep/x.txt', ['home/deep/x.txt']), ('home/*.txt', ['home/Notes.txt', 'home/deep/x.txt']),
        ('%', ['home/100%']), ('_', []), ("'; DROP TABLE files; --", []), ('ÜM', ['home/üm']), ('caf\ufffd', ['home/caf\udce9']),
        ('*' * 50 + 'q', []), ('[', []), ('deep', ['home/deep']),
    ],
)  # fmt: skip
def test_it_matches_parts_and_patterns(index: SearchIndex, text: str, found: list[str]) -> None:
    names = (
        'home',
        'home/Notes.txt',
        'home/deep',
        'home/deep/x.txt',
        'home/100%',
        'home/üm',
        'home/caf\udce9',
    )
    index.add(Known(1, 1, 1), rows(*names))
    hits = [hit.folder + b'/' + hit.name for hit in index.find(text)[0]]
    assert sorted(one.decode('utf-8', 'surrogateescape') for one in hits) == found


def test_a_backup_is_taken_up_wholly_or_not_at_all(index: SearchIndex) -> None:
    def breaking() -> Iterable[Row]:
        yield from rows('a', 'b')
        raise RuntimeError

    with pytest.raises(RuntimeError):
        index.add(Known(1, 1, 1), breaking())
    assert (index.known(), index.find('a')[0]) == ([], [])


@pytest.mark.parametrize('damage', [b'no database at all' * 100, b''])
def test_a_damaged_index_is_made_anew(index: SearchIndex, damage: bytes) -> None:
    index.add(Known(1, 1, 1), rows('a'))
    for left in index.path.parent.iterdir():
        left.unlink()
    index.path.write_bytes(damage)
    with pytest.raises(StoreError):
        index.find('a')
    index.prepare()
    assert (index.known(), index.find('a')[0]) == ([], [])


def test_an_index_of_another_version_is_made_anew(index: SearchIndex) -> None:
    index.add(Known(1, 1, 1), rows('a'))
    index.prepare()
    assert len(index.known()) == 1
    with sqlite3.connect(index.path) as file:
        file.execute('PRAGMA user_version = 99')
    file.close()
    index.prepare()
    assert index.known() == []


def test_more_than_can_be_counted_is_said(index: SearchIndex) -> None:
    index.add(Known(1, 1, 1), rows(*(f'file-{number}' for number in range(10_001))))
    hits, more = index.find('file')
    assert (len(hits), more) == (10_000, True)


QUERIES = (
    'a', 'ab', 'abc', 'bcd.x', 'ÄB', 'x/abc', '/abc', 'x/', '/', 'y/x/ab', 'x/a*d', '*/abcd.x', '*.x', 'a?c*', '[ab]b*', 'ab*[', '"', 'b"c',
    'abcd.xy', 'zzz', "it's", '%', '_b', 'abcabc', 'cab',
)  # fmt: skip


@pytest.mark.parametrize('scope', [{}, {'job_id': 2}, {'client_id': 1}, {'backup_id': 3}], ids=str)
@pytest.mark.parametrize('few', [0, 10_000], ids=['by folder', 'by name'])
def test_it_finds_by_whatever_way_what_a_walk_would_find(
    index: SearchIndex, monkeypatch: pytest.MonkeyPatch, scope: dict[str, int], few: int
) -> None:
    monkeypatch.setattr('plumbus.store.search_index.FEW', few)
    names = [
        'abc',
        'ABCD.x',
        'abcd.xy',
        'äbc',
        'a',
        'b"cd',
        "it's",
        'x',
        'x%y',
        '_b_',
        'abcabcab',
        'c[b',
        'cabab',
    ]
    folders = ['', 'x', 'X/x', 'y/x', 'abc/y', 'a"b']
    paths: dict[int, list[tuple[str, str]]] = {1: [], 2: []}
    for backup, job in ((1, 1), (2, 2), (3, 2)):
        rows = [
            Row(folder.encode(), name.encode(), 'f', 1, 1)
            for place, folder in enumerate(folders)
            for number, name in enumerate(names)
            if (place + number + job) % 3
        ]
        index.add(Known(backup, job, client_id=job), rows)
        paths[job] = [(row.folder.decode(), row.name.decode()) for row in rows]
    jobs = {'job_id': [2], 'client_id': [1], 'backup_id': [2]}.get(next(iter(scope), ''), [1, 2])
    for query in QUERIES:
        hits, more = index.find(query, **scope)
        expected = {(job, *path) for job in jobs for path in paths[job] if walked(query.casefold(), *path)}
        assert {(hit.job_id, hit.folder.decode(), hit.name.decode()) for hit in hits} == expected, query
        assert (len(hits), more) == (len(expected), False)


def walked(query: str, folder: str, name: str) -> bool:
    whole = (f'/{folder}/{name}' if folder else f'/{name}').casefold()
    text = whole if '/' in query else name.casefold()
    if set('*?[') & set(query):
        return bool(glob(f'*{query}' if '/' in query else query, text))
    return query in text


def glob(pattern: str, text: str) -> int:
    with closing(sqlite3.connect(':memory:')) as database:
        return int(database.execute('SELECT ? GLOB ?', (text, pattern)).fetchone()[0])


def held(index: SearchIndex) -> dict[int, set[str]]:
    """What each backup has, as the index tells it."""
    return {one.id: {told[1] for told in told(index.find('*', backup_id=one.id)[0])} for one in index.known()}


def test_changes_alone_come_to_the_same_as_all_that_there_is(index: SearchIndex) -> None:
    chance = random.Random(5)
    names = [f'{folder}/{number}' for folder in ('a', 'b', 'c/d') for number in range(6)]
    now: set[str] = set()
    expected: dict[int, set[str]] = {}
    last = now
    for number in range(1, 60):
        last, now = now, {name for name in names if chance.random() < 0.6}
        whole = number % 4 == 1
        gone = [row._replace(kind=GONE) for row in rows(*(last - now))]
        came = rows(*(now if whole else now - last))
        index.add(Known(number, 1, 1), [*gone, *came] if not whole else came, changes_only=not whole)
        expected[number] = now
        if chance.random() < 0.4:
            removed = chance.choice(sorted(expected))
            index.remove([Known(removed, 1, 1)])
            del expected[removed]
            now = expected[max(expected)] if expected else set()
        assert held(index) == expected


def test_what_changed_is_shown_as_it_is_now(index: SearchIndex) -> None:
    index.add(Known(1, 1, 1), rows('a', 'b', size=1))
    index.add(
        Known(2, 1, 1),
        [*(row._replace(kind=GONE) for row in rows('a', size=1)), *rows('a', size=2)],
        changes_only=True,
    )
    assert [(hit.size, hit.first, hit.last) for hit in index.find('a')[0]] == [(2, 1, 2)]
    assert [(hit.size, hit.first, hit.last) for hit in index.find('b')[0]] == [(1, 1, 2)]


def test_without_changes_nothing_but_the_backup_is_new(index: SearchIndex) -> None:
    index.add(Known(1, 1, 1), rows('a'))
    index.add(Known(2, 1, 1), (), changes_only=True)
    assert told(index.find('a')[0]) == [(1, '/a', 1, 2)]


def test_names_in_another_case_or_no_text_are_kept_apart(index: SearchIndex) -> None:
    names = ['Ab', 'ab', 'AB', 'caf\udce9', 'caf\\#351']
    index.add(Known(1, 1, 1), rows(*names))
    index.add(Known(2, 1, 1), rows(*names, 'aB'))
    hits, _ = index.find('ab')
    assert sorted(hit.name for hit in hits) == [b'AB', b'Ab', b'aB', b'ab']
    assert {hit.name: hit.first for hit in index.find('caf')[0]} == {b'caf\xe9': 1, b'caf\\#351': 1}
