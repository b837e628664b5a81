"""The pure parts of Browse & restore: addresses, ticks, times, and what a restore does, in words."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from pages.browse.contents import blocks, readable
from pages.browse.place import Place, above, address, download, last_part, place_of, steps
from pages.browse.ticks import Ticks
from pages.browse.timeline import changed_in_words
from pages.browse.versions import span, spans
from pages.restoring import act_in_words, dangerous, done, effects, subject, target, undo_in_words
from pages.wording import literal
from plumbus.backup.explore import SnapshotFile
from plumbus.model import Backup, Restore, Status

NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)


def entry(path: str, size: int = 0, is_dir: bool = False) -> SnapshotFile:
    return SnapshotFile(
        name=last_part(path), path=path, size=size, modified=NOON, is_dir=is_dir, is_link=False, mode='',
        owner='0', group='0',
    )  # fmt: skip


@pytest.mark.parametrize(
    'place',
    [
        Place(),
        Place(client=1, job=2, snapshot=3, path='/home/pi & co', file='/home/pi & co/50%?.txt'),
        Place(job=2, words='*.yaml', scope='everything'),
        Place(job=2, snapshot=9, against=4, hidden=False, path='/new\nline/\\#351'),
    ],
)
def test_an_address_leads_to_the_place_it_was_made_of(place: Place) -> None:
    from urllib.parse import parse_qsl, urlsplit

    assert place_of(dict(parse_qsl(urlsplit(address(place)).query))) == place


def test_what_makes_no_sense_in_an_address_is_left_out() -> None:
    asked = {'job': '<b>', 'snapshot': '-1', 'client': '9' * 20, 'in': 'fleeb', 'q': ' x ', 'against': '²'}
    assert place_of(asked) == Place(words='x')


def test_downloads_name_every_path() -> None:
    assert (
        download(7, ['/a b', '/c&d'], 'zip') == '/api/backups/7/download?path=%2Fa+b&path=%2Fc%26d&format=zip'
    )


def test_paths_are_taken_apart() -> None:
    assert (above('/home/pi/x'), above('/x'), last_part('/home/pi/'), last_part('/')) == (
        '/home/pi',
        '/',
        'pi',
        '/',
    )
    assert steps('/home/pi') == [('/', '/'), ('home', '/home'), ('pi', '/home/pi')]


def test_a_ticked_folder_takes_what_is_below_it() -> None:
    ticks = Ticks()
    ticks.toggle(entry('/a/b/c', 5))
    ticks.toggle(entry('/a/bc', 7))
    assert ticks.in_words() == '2 files, 12 B'
    ticks.toggle(entry('/a/b', is_dir=True))
    assert ticks.paths == ['/a/b', '/a/bc']
    assert (ticks.mark('/a/b/c'), ticks.mark('/a/b'), ticks.mark('/a')) == ('within', 'on', 'off')
    ticks.toggle(entry('/a/b/c', 5))
    assert ticks.paths == ['/a/b', '/a/bc'], 'what goes with a folder has no tick of its own'
    assert ticks.in_words() == '1 file, 7 B and 1 folder'


def test_all_of_a_page_is_ticked_and_unticked_at_once() -> None:
    ticks, page = Ticks(), [entry('/a', 1), entry('/b', 2)]
    ticks.toggle(page[0])
    ticks.toggle_all(page)
    assert ticks.paths == ['/a', '/b']
    ticks.toggle_all(page)
    assert ticks.paths == []


@pytest.mark.parametrize(
    ('hours', 'words'),
    [
        (0, '17 Nov, 12:00'),
        (3, '17 Nov, 12:00 – 15:00'),
        (48, '17 – 19 Nov'),
        (24 * 20, '17 Nov – 7 Dec'),
        (24 * 60, '17 Nov 2026 – 16 Jan 2027'),
    ],
)
def test_spans_are_told_as_short_as_possible(hours: int, words: str) -> None:
    assert span(NOON, NOON + timedelta(hours=hours), UTC, now=NOON) == words


def test_versions_of_one_minute_are_told_apart() -> None:
    versions: list[Any] = [
        SimpleNamespace(first_seen=moment, last_seen=moment) for moment in (NOON, NOON + timedelta(seconds=7))
    ]
    assert len(set(spans(versions, UTC))) == 2


@pytest.mark.parametrize(
    ('name', 'shown'),
    [
        ('ümläut ☃ 🐟 e\u0301', 'ümläut ☃ 🐟 e\u0301'),
        ('new\nline', r'new\nline'),
        ('\x1b[31mred', r'\x1b[31mred'),
        ('gpj\u202etxt', r'gpj\u202etxt'),
        ('zero\u200bwidth', r'zero\u200bwidth'),
        ('<b>{{7*7}}', '<b>{{7*7}}'),
    ],
)
def test_names_are_shown_with_what_one_cannot_see(name: str, shown: str) -> None:
    assert literal(name) == shown


def test_a_difference_falls_into_runs_of_one_colour() -> None:
    diff = '--- before\n+++ after\n@@ -1 +1,2 @@\n same\n-old\n+new\n+\tmore\u202e'
    assert list(blocks(diff)) == [
        ('hunk', '@@ -1 +1,2 @@'), ('', ' same'), ('removed', '-old'), ('added', '+new\n+\tmore\\u202e')
    ]  # fmt: skip
    assert readable('a\tb\r\nc') == 'a\tb\\r\nc'


def test_what_changed_in_a_snapshot_is_told_in_short() -> None:
    assert (
        changed_in_words(Backup(client_id=1, job_id=1, new_files=1200, deleted_files=3))
        == '1,200 new, 3 gone'
    )
    assert changed_in_words(Backup(client_id=1, job_id=1)) == 'nothing changed'


def planned(**fields: Any) -> Restore:
    counts = {'count': 0, 'bytes': 0, 'old_bytes': 0}
    summary = {
        'create': {**counts, 'count': 3, 'bytes': 1500},
        'overwrite': {**counts, 'count': 2, 'old_bytes': 18_400},
        'delete': {**counts, 'count': 1, 'old_bytes': 40},
        'attributes': counts,
    }
    return Restore(
        backup_id=1, job_id=1, client_id=1, client_name='web-01', status=Status.COMPLETED,
        **{'summary': summary, **fields},
    )  # fmt: skip


def test_a_restore_names_the_loss_first() -> None:
    told = [(effect.words, effect.loss) for effect in effects(planned())]
    assert told == [
        ('2 entries are overwritten: what lies there now (18.4 kB) is lost.', True),
        ('1 entry is deleted (40 B), lost for good.', True),
        ('3 entries are created (1.5 kB).', False),
    ]
    assert dangerous(planned())
    assert act_in_words(planned()) == 'Overwrite 2, delete 1, create 3'


def test_with_a_safety_copy_nothing_is_lost() -> None:
    assert not dangerous(planned(safety_copy=True))
    assert 'is kept in a safety copy' in effects(planned(safety_copy=True))[0].words
    assert 'changed there since is lost' in ' '.join(undo_in_words(planned(safety_copy=True)))


def test_where_to_and_what_is_told_in_words() -> None:
    assert target(planned()) == 'its place on web-01'
    assert target(planned(restore_path='/srv/new')) == '/srv/new on web-01'
    assert target(planned(restore_path='/srv/new', to_server=True)) == '/srv/new on this server'
    assert subject(planned()) == 'everything'
    assert subject(planned(paths=['/a\n', '/b', '/c'])) == r'/a\n, /b and 1 more'
    assert done(planned()) == '3 created, 2 overwritten, 1 deleted'
