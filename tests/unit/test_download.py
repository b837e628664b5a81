"""What comes out of a snapshot: exact, small in memory, and never from elsewhere."""

import io
import os
import shutil
import stat
import subprocess
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from plumbus.backup.download import (
    RangeNotSatisfiable,
    download_archive,
    download_file,
    part_of,
    safe_name,
)
from plumbus.backup.selection import common_folder, outermost
from plumbus.backup.snapshots import Snapshot
from plumbus.errors import NotFound, StoreError

HOSTILE = [
    '/../../../etc/shadow', '../etc/shadow', '/home/../../etc/shadow', '/etc/shadow', '%2e%2e/etc/shadow', '/%2e%2e/etc/shadow', '/a\0b',
    '/home/shadow', '/home/etc/shadow', '/home/pi/../shadow', '/\\#056\\#056/etc/shadow', '/home/pi/notes.txt/x', '/' + 'x' * 300,
    '/home/\ud800', '//../etc', '/home/fifo',
]  # fmt: skip


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    """A small one with links that lead out of it."""
    home = tmp_path / 'snapshot' / 'tree' / 'home'
    (home / 'pi' / 'deep').mkdir(parents=True)
    (home / 'pi' / 'notes.txt').write_text('0123456789')
    (home / 'pi' / 'deep' / 'caf\udce9').write_text('latin')
    os.utime(home / 'pi' / 'notes.txt', ns=(0, 1_700_000_000_123_456_789))
    os.link(home / 'pi' / 'notes.txt', home / 'pi' / 'same')
    (home / 'shadow').symlink_to('/etc/shadow')
    (home / 'etc').symlink_to('/etc')
    os.mkfifo(home / 'fifo')
    return Snapshot(tmp_path / 'snapshot')


def whole(snapshot: Snapshot, form: str, *paths: str) -> io.BytesIO:
    found = download_archive(snapshot, paths or ['/'], form, 'selection')  # type: ignore[arg-type]
    return io.BytesIO(b''.join(found.chunks))


def descriptors() -> int:
    return len(os.listdir('/proc/self/fd'))


@pytest.mark.parametrize('path', HOSTILE)
def test_it_leads_nowhere_but_into_the_snapshot(snapshot: Snapshot, path: str) -> None:
    before = descriptors()
    with pytest.raises(NotFound):
        download_file(snapshot, path)
    assert descriptors() == before


@pytest.mark.parametrize('path', [one for one in HOSTILE if one not in {'/home/shadow', '/home/fifo'}])
def test_no_archive_holds_what_is_elsewhere(snapshot: Snapshot, path: str) -> None:
    with pytest.raises(NotFound):
        download_archive(snapshot, ['/home/pi', path], 'tar', 'x')


def test_links_are_archived_as_links(snapshot: Snapshot) -> None:
    with tarfile.open(fileobj=whole(snapshot, 'tar')) as made:
        assert (made.getmember('home/shadow').issym(), made.getmember('home/shadow').linkname) == (
            True, '/etc/shadow',
        )  # fmt: skip
        assert made.getmember('home/fifo').isfifo()
    with zipfile.ZipFile(whole(snapshot, 'zip')) as made_zip:
        info = made_zip.getinfo('home/shadow')
        assert stat.S_ISLNK(info.external_attr >> 16)
        assert made_zip.read(info) == b'/etc/shadow'
        assert 'home/fifo' not in made_zip.namelist()


def test_a_tar_archive_keeps_everything(snapshot: Snapshot) -> None:
    with tarfile.open(fileobj=whole(snapshot, 'tar', '/home/pi')) as made:
        members = {member.name: member for member in made}
    assert set(members) == {'pi', 'pi/deep', 'pi/deep/caf\udce9', 'pi/notes.txt', 'pi/same'}
    files = [members['pi/notes.txt'], members['pi/same']]
    assert sorted(one.islnk() for one in files) == [False, True]
    leader = next(one for one in files if not one.islnk())
    assert (leader.size, leader.pax_headers['mtime']) == (10, '1700000000.123456789')
    status = (snapshot.tree / 'home/pi/notes.txt').stat()
    assert (leader.mode, leader.uid, leader.gid) == (
        stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid,
    )  # fmt: skip


def test_a_zip_archive_is_whole(snapshot: Snapshot) -> None:
    with zipfile.ZipFile(whole(snapshot, 'zip', '/home/pi')) as made:
        assert made.testzip() is None
        assert made.read('pi/notes.txt') == made.read('pi/same') == b'0123456789'
        assert 'pi/deep/' in made.namelist()
        assert made.getinfo('pi/notes.txt').date_time == (2023, 11, 14, 22, 13, 20)
        raw = [info.filename for info in made.infolist() if info.filename.startswith('pi/deep/caf')]
    assert [name.encode('cp437') for name in raw] == [b'pi/deep/caf\xe9']


def test_compressed_archives_are_the_same_inside(snapshot: Snapshot) -> None:
    plain = whole(snapshot, 'tar').getvalue()
    assert zlib.decompress(whole(snapshot, 'tar.gz').getvalue(), wbits=31) == plain
    assert zstandard.ZstdDecompressor().decompressobj().decompress(whole(snapshot, 'tar.zst').getvalue()) == (
        plain
    )


@pytest.mark.skipif(not shutil.which('tar'), reason='needs tar')
def test_tar_itself_unpacks_it(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / 'out').mkdir()
    done = subprocess.run(
        ['tar', '-x', '-C', tmp_path / 'out'], input=whole(snapshot, 'tar', '/home').getvalue(),
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'out/home/pi/deep/caf\udce9').read_text() == 'latin'
    assert os.readlink(tmp_path / 'out/home/shadow') == '/etc/shadow'
    assert (tmp_path / 'out/home/pi/notes.txt').stat().st_mtime_ns == 1_700_000_000_123_456_789


def test_names_begin_below_what_the_paths_have_in_common(snapshot: Snapshot) -> None:
    chosen = ['/home/pi/deep', '/home/pi/notes.txt', '/home/pi/deep/caf\\#351']
    with tarfile.open(fileobj=whole(snapshot, 'tar', *chosen)) as made:
        assert made.getnames() == ['deep', 'deep/caf\udce9', 'notes.txt']


def test_paths_below_others_are_dropped() -> None:
    assert outermost([b'/a/b', b'/a', b'/a!', b'//a/./c/', b'/b']) == [b'a', b'a!', b'b']
    assert outermost([b'/a', b'/']) == [b'']
    assert common_folder([b'a/b/c', b'a/bc']) == b'a'
    assert common_folder([b'']) == b''


@pytest.mark.parametrize('form', ['zip', 'tar', 'tar.gz', 'tar.zst'])
def test_whoever_leaves_ends_the_work(snapshot: Snapshot, form: str) -> None:
    (snapshot.tree / 'home' / 'random').write_bytes(os.urandom(2**21))
    before = descriptors()
    chunks = download_archive(snapshot, ['/'], form, 'x').chunks  # type: ignore[arg-type]
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    plain = download_file(snapshot, '/home/random').chunks
    next(plain)
    plain.close()  # type: ignore[attr-defined]
    assert descriptors() == before


@pytest.fixture
def measured() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize(('form', 'size'), [('tar', 2 * 2**30), ('zip', 2**28), (None, 2**28)])
@pytest.mark.usefixtures('measured')
def test_a_big_file_costs_no_memory(snapshot: Snapshot, form: str | None, size: int) -> None:
    big = snapshot.tree / 'big'
    big.touch()
    os.truncate(big, size)
    before = tracemalloc.get_traced_memory()[0]
    found = download_archive(snapshot, ['/big'], form, 'x') if form else download_file(snapshot, '/big')  # type: ignore[arg-type]
    sent = sum(len(chunk) for chunk in found.chunks)
    assert sent >= size if form != 'zip' else sent > 0
    assert tracemalloc.get_traced_memory()[1] - before < 4 * 2**20


def test_a_file_over_4_gib_fits_into_a_zip(snapshot: Snapshot) -> None:
    big = snapshot.tree / 'big'
    big.touch()
    os.truncate(big, 2**32 + 1)
    found = download_archive(snapshot, ['/big'], 'zip', 'x')
    head = next(found.chunks)
    found.chunks.close()  # type: ignore[attr-defined]
    assert head[:4] == b'PK\x03\x04'
    assert b'\xff\xff\xff\xff' * 2 in head[:30]  # its sizes stand in the form for large files


def test_a_file_that_lost_its_end_breaks_the_archive_off(snapshot: Snapshot) -> None:
    big = snapshot.tree / 'home' / 'pi' / 'big'
    big.write_bytes(bytes(2**20))
    chunks = download_archive(snapshot, ['/home/pi/big'], 'tar', 'x').chunks
    next(chunks)
    os.truncate(big, 5)
    with pytest.raises(StoreError):
        list(chunks)


def test_a_part_of_a_file_comes_alone(snapshot: Snapshot) -> None:
    found = download_file(snapshot, '/home/pi/notes.txt', 'bytes=2-4')
    assert (found.part, found.size, b''.join(found.chunks)) == ((2, 3), 10, b'234')
    other = download_file(snapshot, '/home/pi/notes.txt', 'bytes=2-4', '"another file"')
    assert (other.part, b''.join(other.chunks)) == (None, b'0123456789')
    assert download_file(snapshot, '/home/pi/notes.txt', 'bytes=2-4', found.tag).part == (2, 3)


@pytest.mark.parametrize(
    ('wanted', 'part'),
    [
        ('bytes=0-', (0, 10)), ('bytes=3-3', (3, 1)), ('bytes=-4', (6, 4)), ('bytes=-40', (0, 10)), ('bytes=5-99', (5, 5)), ('bytes=-', None),
        ('', None), ('bytes=0-1,3-4', None), ('lines=1-2', None), ('bytes=5-3', None), ('bytes=x-', None), ('bytes=-1-2', None),
    ],
)  # fmt: skip
def test_it_reads_a_range(wanted: str, part: tuple[int, int] | None) -> None:
    assert part_of(wanted, 10) == part


@pytest.mark.parametrize(
    ('wanted', 'size'), [('bytes=10-', 10), ('bytes=99-100', 10), ('bytes=-0', 10), ('bytes=0-', 0)]
)
def test_a_range_beyond_the_end_is_refused(wanted: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable):
        part_of(wanted, size)


@pytest.mark.parametrize(
    ('name', 'safe'),
    [('a b.txt', 'a b.txt'), ('..', 'download'), ('a"\r\nX: y', 'a___X_ y'), ('../../x', '_.._x'), ('ümläut', 'ümläut'), ('a\u202etxt.exe', 'a_txt.exe')],
)  # fmt: skip
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe
