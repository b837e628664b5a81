"""Manifests that rest on each other: they give back what was written, take little room, and need no other snapshot."""

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from plumbus.backup import resting
from plumbus.backup.manifest import FILE_NAME, Entry, depth_of, part, read_manifest
from plumbus.errors import StoreError

COUNT = 6000
FOLDER = Entry(b'home', 'd', 0, 1_700_000_000, 0o755, 0, 0)


def file(number: int, checksum: int = 0) -> Entry:
    digest = random.Random(number + COUNT * checksum).randbytes(16)
    return Entry(b'home/%05d' % number, 'f', number, 1_700_000_000, 0o644, 0, 0, digest, 'xxh128', born=7)


FILES = [FOLDER, *(file(number) for number in range(COUNT))]


def keep(folder: Path, entries: Sequence[Entry], last: Path | None = None) -> Path:
    """Write the manifest of a snapshot in a folder of its own."""
    folder.mkdir()
    path = folder / FILE_NAME
    with resting.writer_on(path, last)(path) as manifest:
        for entry in entries:
            manifest.add(entry)
    resting.shorten(path)
    return path


def test_a_days_changes_take_the_room_of_the_changes(tmp_path: Path) -> None:
    first = keep(tmp_path / '1', FILES)
    changed = [*FILES[:50], file(50, 1), *FILES[52:3000], file(99_999), *FILES[3000:]]
    second = keep(tmp_path / '2', changed, first)
    assert list(read_manifest(second)) == changed
    assert second.stat().st_size < first.stat().st_size / 100
    assert part(second, 0).samefile(first)


@pytest.mark.parametrize(
    'entries',
    [
        [], FILES, FILES[:1], FILES[1:], FILES[:-1], FILES[:4000], FILES[5000:], FILES[100:200], FILES[::-1], [*FILES, *(file(COUNT + one) for one in range(9000))],
        [file(90_000), *FILES], [FOLDER, *(file(number, 1) for number in range(COUNT))], FILES[::2], [*FILES[500:1000], *FILES[:500], *FILES[1000:]],
    ],
)  # fmt: skip
def test_whatever_changed_comes_back_as_it_was_written(tmp_path: Path, entries: list[Entry]) -> None:
    first = keep(tmp_path / '1', FILES)
    second = keep(tmp_path / '2', entries, first)
    third = keep(tmp_path / '3', FILES, second)
    assert list(read_manifest(second)) == entries
    assert list(read_manifest(third)) == FILES
    shutil.rmtree(tmp_path / '1')
    shutil.rmtree(tmp_path / '2')
    assert list(read_manifest(third)) == FILES


def test_many_changes_are_written_whole(tmp_path: Path) -> None:
    first = keep(tmp_path / '1', FILES)
    other = [FOLDER, *(file(number, number % 3) for number in range(COUNT))]
    second = keep(tmp_path / '2', other, first)
    assert list(read_manifest(second)) == other
    assert [path.name for path in second.parent.iterdir()] == [FILE_NAME]


def test_after_some_changes_one_is_written_whole(tmp_path: Path) -> None:
    last, depths, entries = None, [], list(FILES)
    for number in range(2 * resting.DEEPEST):
        entries[number * 7 + 1] = file(number * 7, 2)
        last = keep(tmp_path / str(number), entries, last)
        assert list(read_manifest(last)) == entries
        depths.append(depth_of(last))
    assert depths == [*range(resting.DEEPEST + 1), *range(resting.DEEPEST - 1)]


def test_short_ones_are_always_whole(tmp_path: Path) -> None:
    first = keep(tmp_path / '1', FILES[:9])
    second = keep(tmp_path / '2', FILES[:10], first)
    assert [path.name for path in second.parent.iterdir()] == [FILE_NAME]


def test_without_changes_all_is_shared(tmp_path: Path) -> None:
    first = keep(tmp_path / '1', FILES)
    second = keep(tmp_path / '2', FILES[:5000], first)
    (tmp_path / '3').mkdir()
    assert resting.take_over(second, tmp_path / '3' / FILE_NAME)
    shutil.rmtree(tmp_path / '1')
    shutil.rmtree(tmp_path / '2')
    assert list(read_manifest(tmp_path / '3' / FILE_NAME)) == FILES[:5000]
    assert list(read_manifest(keep(tmp_path / '4', FILES, tmp_path / '3' / FILE_NAME))) == FILES


def test_one_that_cannot_be_linked_any_more_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_link: Path, _file: Path) -> None:
        raise OSError(31, 'Too many links')

    first = keep(tmp_path / '1', FILES)
    monkeypatch.setattr(Path, 'hardlink_to', refuse)
    second = keep(tmp_path / '2', FILES[:5000], first)
    assert list(read_manifest(second)) == FILES[:5000]
    assert [path.name for path in second.parent.iterdir()] == [FILE_NAME]
    assert not resting.take_over(first, tmp_path / FILE_NAME)
    assert not (tmp_path / FILE_NAME).exists()


def test_one_that_was_deleted_meanwhile_is_not_missed(tmp_path: Path) -> None:
    missing = tmp_path / 'gone' / FILE_NAME
    assert list(read_manifest(keep(tmp_path / '2', FILES, missing))) == FILES
    assert not resting.take_over(missing, tmp_path / FILE_NAME)


def test_a_part_that_is_missing_damaged_or_another_one_is_told(tmp_path: Path) -> None:
    first = keep(tmp_path / '1', FILES)
    second = keep(tmp_path / '2', [*FILES[:3000], *FILES[3009:]], first)
    below = part(second, 0)
    other = keep(tmp_path / '3', FILES[:5000])
    longer = keep(tmp_path / '4', [*FILES, file(COUNT)])
    cut = tmp_path / 'cut'
    cut.write_bytes(first.read_bytes()[:-40])
    for instead in (None, other, longer, cut, second):
        below.unlink(missing_ok=True)
        if instead:
            shutil.copy(instead, below)
        with pytest.raises(StoreError):
            list(read_manifest(second))


def test_what_could_be_read_of_a_damaged_one_is_told_before(tmp_path: Path) -> None:
    path = keep(tmp_path / '1', FILES)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    entries, found = read_manifest(path), list[Entry]()
    with pytest.raises(StoreError):
        found.extend(entries)
    assert found == FILES[: len(found)]
    assert len(found) > COUNT // 3
