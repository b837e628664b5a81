"""A manifest gives back what was written, and says so when it is not whole."""

import contextlib
from pathlib import Path

import pytest

from plumbus.backup.manifest import Entry, ManifestWriter, read_manifest, share_checksums
from plumbus.errors import Cancelled, StoreError

ENTRIES = [
    Entry(b'home', 'd', 0, 1_700_000_000, 0o755, 0, 0),
    Entry(b'home/\xff\n', 'f', 5, -1, 0o4755, 1000, 1000, bytes(range(16)), 'xxh128', True),
    Entry(b'home/link', 'L', 4, 4_102_444_800, 0o777, 0, 0, target=b'/etc -> x'),
    Entry(b'home/more', 'f', 2**50, 0, 0, 0, 0, linked=True, target=b'home/\xff\n'),
]


def write(path: Path, entries: list[Entry]) -> None:
    with ManifestWriter(path) as manifest:
        for entry in entries:
            manifest.add(entry)


def test_it_gives_back_every_entry_in_order(tmp_path: Path) -> None:
    write(tmp_path / 'm', ENTRIES * 1000)
    assert list(read_manifest(tmp_path / 'm')) == ENTRIES * 1000


def test_it_can_be_empty(tmp_path: Path) -> None:
    write(tmp_path / 'm', [])
    assert list(read_manifest(tmp_path / 'm')) == []


def test_it_tells_of_a_manifest_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / 'm'
    write(path, [entry._replace(path=b'%d' % number) for number, entry in enumerate(ENTRIES * 1000)])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(StoreError):
        list(read_manifest(path))


def test_it_tells_of_a_manifest_whose_writing_failed(tmp_path: Path) -> None:
    manifest = ManifestWriter(tmp_path / 'm')
    with contextlib.suppress(Cancelled), manifest:
        manifest.add(ENTRIES[0])
        raise Cancelled('stop')
    with pytest.raises(StoreError, match='cut off'):
        list(read_manifest(tmp_path / 'm'))


@pytest.mark.parametrize('content', [b'', b'not a manifest', b'\x28\xb5\x2f\xfd garbage'])
def test_it_tells_of_a_file_that_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / 'm').write_bytes(content)
    with pytest.raises(StoreError):
        list(read_manifest(tmp_path / 'm'))


def test_it_tells_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        list(read_manifest(tmp_path / 'missing'))


def test_it_tells_of_a_single_flipped_bit(tmp_path: Path) -> None:
    path = tmp_path / 'm'
    entries = [ENTRIES[1]._replace(path=b'home/%d' % number) for number in range(1000)]
    write(path, entries)
    whole = path.read_bytes()
    for place in range(0, len(whole), 101):
        flipped = bytearray(whole)
        flipped[place] ^= 4
        path.write_bytes(flipped)
        try:
            assert list(read_manifest(path)) == entries  # a bit of the format that means nothing
        except StoreError:
            continue


def test_a_further_name_of_a_link_keeps_the_aim_that_is_also_a_path(tmp_path: Path) -> None:
    path = tmp_path / 'm'
    file = Entry(b'home/file', 'f', 1, 0, 0o644, 0, 0, b'x' * 16, 'xxh128')
    link = Entry(b'home/link', 'L', 9, 0, 0o777, 0, 0, target=b'home/file')
    known = link._replace(path=b'home/same link', linked=True)
    new = link._replace(path=b'home/third name', linked=True, target=b'home/link', born=7)
    write(path, [file, link, known, new])
    share_checksums(path, ManifestWriter, 7)
    assert [entry.target for entry in read_manifest(path)] == [None, b'home/file', b'home/file', b'home/file']
