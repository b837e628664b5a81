"""What is other between two snapshots, told from their manifests and line by line."""

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from plumbus.backup.compare import compare
from plumbus.backup.manifest import Entry, ManifestWriter
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.textdiff import LARGEST, text_difference, unified
from plumbus.errors import NotFound, StoreError

FOLDER = Entry(b'etc', 'd', 0, 1, 0o755, 0, 0)
FILE = Entry(b'etc/a', 'f', 5, 1, 0o644, 0, 0, b'x' * 16, 'xxh128')
LINK = Entry(b'etc/link', 'L', 7, 1, 0o777, 0, 0, target=b'/etc/shadow')


def snapshot(folder: Path, entries: Iterable[Entry], **files: str) -> Snapshot:
    (folder / 'tree' / 'etc').mkdir(parents=True)
    (folder / 'tree' / 'etc' / 'link').symlink_to('/etc/shadow')
    (folder / 'tree' / 'out').symlink_to('/etc')
    for name, content in files.items():
        (folder / 'tree' / 'etc' / name).write_text(content)
    made = Snapshot(folder)
    with ManifestWriter(made.manifest) as manifest:
        for entry in entries:
            manifest.add(entry)
    return made


@pytest.mark.parametrize(
    ('after', 'what'),
    [
        (FILE._replace(size=6, checksum=b'y' * 16, mtime=2), ['content', 'size', 'modified']),
        (FILE._replace(checksum=b'y' * 16), ['content']),
        (FILE._replace(checksum=b'y' * 16, algorithm='md5', mtime=2), ['modified']),
        (FILE._replace(mode=0o600, gid=7), ['mode', 'owner']),
        (FILE._replace(kind='d', mode=0o755), ['kind']),
        (FILE._replace(stored=True, born=9), []),
        (FILE._replace(mtime=2**60), ['modified']),
    ],
)
def test_it_tells_what_changed(tmp_path: Path, after: Entry, what: list[str]) -> None:
    one, two = (
        snapshot(tmp_path / '1', [FOLDER, FILE]),
        snapshot(tmp_path / '2', [FOLDER._replace(mtime=9), after]),
    )
    found = compare(one, two, limit=10)
    assert [change.what for change in found.changed] == ([what] if what else [])
    assert (found.summary.changed, found.summary.unchanged) == ((1, 1) if what else (0, 2))
    assert (found.added, found.removed) == ([], [])


def test_a_link_that_leads_elsewhere_has_changed(tmp_path: Path) -> None:
    one, two = snapshot(tmp_path / '1', [LINK]), snapshot(tmp_path / '2', [LINK._replace(target=b'/x')])
    found = compare(one, two, limit=10)
    assert [(change.what, change.before.target, change.after.target) for change in found.changed] == [
        (['target'], '/etc/shadow', '/x')
    ]


def test_what_was_added_and_removed_is_counted_and_paged(tmp_path: Path) -> None:
    added = [Entry(b'etc/new-%03d' % number, 'f', 10, 1, 0o644, 0, 0) for number in range(300)]
    random.Random(1).shuffle(added)
    more = Entry(b'etc/second-name', 'f', 10, 1, 0o644, 0, 0, linked=True, target=b'etc/new-000')
    one = snapshot(tmp_path / '1', [FOLDER, FILE, LINK])
    two = snapshot(tmp_path / '2', [LINK, *added, more, FOLDER])
    found = compare(one, two, limit=2, offset=1)
    assert [file.path for file in found.added] == ['/etc/new-001', '/etc/new-002']
    assert found.removed == []
    assert found.summary.model_dump() == {
        'added': 301, 'removed': 1, 'changed': 0, 'unchanged': 2, 'added_bytes': 3000, 'removed_bytes': 5, 'changed_bytes': 0,
    }  # fmt: skip
    back = compare(two, one, limit=2)
    assert ([file.path for file in back.added], back.summary.removed) == (['/etc/a'], 301)


def test_any_order_of_the_lists_gives_the_same(tmp_path: Path) -> None:
    entries = [Entry(b'etc/%d' % number, 'f', number, 1, 0o644, 0, 0) for number in range(500)]
    other = random.Random(2).sample(entries[10:], 490)
    found = compare(snapshot(tmp_path / '1', entries), snapshot(tmp_path / '2', other), limit=100)
    assert (found.summary.removed, found.summary.unchanged, found.summary.changed) == (10, 490, 0)


def test_it_looks_below_one_folder_only(tmp_path: Path) -> None:
    one = snapshot(tmp_path / '1', [FOLDER, FILE], a='x')
    two = snapshot(tmp_path / '2', [FOLDER, FILE._replace(path=b'etcetera'), FILE._replace(mode=0)], a='x')
    assert compare(one, two, '/etc', limit=10).summary.added == 0
    assert compare(one, two, '/', limit=10).summary.added == 1
    assert compare(one, two, '/etc/a', limit=10).summary.changed == 1


@pytest.mark.parametrize(
    'path', ['/..', '../etc', '/etc/../../etc', '/nothing', '/out', '/out/passwd', '/etc/link', '/a\0', '/etc/\ud800'],
)  # fmt: skip
def test_paths_lead_nowhere_else(tmp_path: Path, path: str) -> None:
    one, two = snapshot(tmp_path / '1', [FOLDER, LINK]), snapshot(tmp_path / '2', [FOLDER, LINK])
    with pytest.raises(NotFound):
        compare(one, two, path, limit=10)
    with pytest.raises(NotFound):
        text_difference(one, two, path)


def test_a_damaged_manifest_is_told(tmp_path: Path) -> None:
    one, two = snapshot(tmp_path / '1', [FOLDER]), snapshot(tmp_path / '2', [FOLDER])
    two.manifest.write_bytes(two.manifest.read_bytes()[:-5])
    with pytest.raises(StoreError):
        compare(one, two, limit=10)


def test_a_text_is_compared_line_by_line(tmp_path: Path) -> None:
    one = snapshot(tmp_path / '1', [], a='one\ntwo\nthree\n')
    two = snapshot(tmp_path / '2', [], a='one\n2\nthree\n')
    found = text_difference(one, two, '/etc/a')
    assert found.diff.splitlines() == [
        '--- before',
        '+++ after',
        '@@ -1,4 +1,4 @@',
        ' one',
        '-two',
        '+2',
        ' three',
        ' ',
    ]
    assert (found.before.size, found.after.size, found.identical) == (14, 12, False)
    assert text_difference(one, one, '/etc/a').identical


def test_what_is_no_text_or_too_large_is_said(tmp_path: Path) -> None:
    one = snapshot(
        tmp_path / '1', [], binary='a\0b', large='x' * (LARGEST + 1), wild='\n'.join(map(str, range(9999)))
    )
    two = snapshot(tmp_path / '2', [], binary='a\0c', large='y', wild='\n'.join(map(str, range(9999, 1, -1))))
    told = {name: text_difference(one, two, f'/etc/{name}') for name in ('binary', 'large', 'wild')}
    assert [(one.binary, one.too_large, one.diff) for one in told.values()] == [
        (True, False, ''), (False, True, ''), (False, True, ''),
    ]  # fmt: skip


def test_a_small_change_in_a_long_text_is_found_where_it_is() -> None:
    old = [str(number) for number in range(30_000)]
    new = [*old[:20_000], 'more', *old[20_000:]]
    told = unified(old, new)
    assert told is not None
    assert told.splitlines()[2:] == [
        '@@ -19998,6 +19998,7 @@', ' 19997', ' 19998', ' 19999', '+more', ' 20000', ' 20001', ' 20002',
    ]  # fmt: skip
