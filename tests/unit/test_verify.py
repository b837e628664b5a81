"""A tree compared with its manifest: what differs is told, what cannot be known is not, and nothing is followed."""

import errno
import os
import stat
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import xxhash

from plumbus.backup.fakesuper import ATTRIBUTE
from plumbus.backup.manifest import Entry, ManifestWriter
from plumbus.backup.tree import Tree
from plumbus.backup.verify import DEAD_DISK, Comparison, Finding
from plumbus.errors import StoreError

TIME = 1_700_000_000
KINDS = {stat.S_IFREG: 'f', stat.S_IFDIR: 'd', stat.S_IFLNK: 'L', stat.S_IFIFO: 'S', stat.S_IFSOCK: 'S'}


class Sample:
    """A tree and the manifest that fits it."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / 'tree'
        self.manifest = folder / 'manifest'
        self.tree.mkdir()
        self.entries: dict[bytes, Entry] = {}

    def add(self, name: str, content: bytes = b'some text') -> Path:
        """Put a file into the tree and the manifest."""
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (TIME, TIME))
        return path

    def note(self, **changes: dict[str, object]) -> None:
        """Write the manifest of what is there; `changes` name entries (with _ for /) and what it says otherwise of them."""
        paths = [
            os.fsencode(self.tree),
            *sorted(os.path.join(d, n) for d, ds, fs in os.walk(os.fsencode(self.tree)) for n in [*ds, *fs]),
        ]
        with ManifestWriter(self.manifest) as manifest:
            for path in paths:
                entry = entry_of(os.path.relpath(path, os.fsencode(self.tree)), path)
                manifest.add(entry._replace(**changes.get(entry.path.decode().replace('/', '_'), {})))

    def compare(self, *, owners: bool = True, fake_super: bool = False) -> list[Finding]:
        """Return what is found."""
        with Tree(self.tree, fake_super=fake_super) as tree:
            return list(Comparison(tree, self.manifest, owners=owners, moved=lambda: None).findings())

    def told(self, **options: bool) -> list[str]:
        """Return what is found as text."""
        return [f'{finding.path.decode()} {finding.what}' for finding in self.compare(**options)]


def entry_of(name: bytes, path: bytes) -> Entry:
    status = os.lstat(path)
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    checksum = xxhash.xxh3_128_digest(Path(os.fsdecode(path)).read_bytes()) if kind == 'f' else None
    return Entry(
        name, kind, status.st_size, int(status.st_mtime), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid,
        checksum, 'xxh128' if checksum else None, target=os.readlink(path) if kind == 'L' else None,
    )  # fmt: skip


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    made = Sample(tmp_path)
    made.add('home/a')
    made.add('home/b', b'')
    (made.tree / 'home' / 'link').symlink_to('/etc/passwd')
    os.mkfifo(made.tree / 'home' / 'fifo')
    made.note()
    return made


def test_it_finds_nothing_in_a_whole_tree(sample: Sample) -> None:
    assert sample.compare() == []


def test_it_counts_what_it_reads(sample: Sample) -> None:
    moves = 0

    def moved() -> None:
        nonlocal moves
        moves += 1

    with Tree(sample.tree) as tree:
        comparison = Comparison(tree, sample.manifest, owners=True, moved=moved)
        list(comparison.findings())
    assert (comparison.files, comparison.bytes) == (4, 9)
    assert moves >= 6


def test_the_checksum_decides_and_not_the_size(sample: Sample) -> None:
    sample.note(home_a={'size': 3})
    assert sample.told() == []
    sample.note(home_a={'size': 3, 'checksum': b'another'})
    assert sample.told() == ['home/a has 9 bytes instead of 3']


@pytest.mark.parametrize('unknown', [{'checksum': None}, {'algorithm': 'md4'}, {'algorithm': None}])
def test_without_a_checksum_the_size_decides(sample: Sample, unknown: dict[str, object]) -> None:
    sample.note(home_a=unknown)
    assert sample.told() == []
    sample.note(home_a={**unknown, 'size': 10})
    assert sample.told() == ['home/a is cut off: 9 of 10 bytes are left']


def test_it_takes_each_algorithm_by_its_name(sample: Sample) -> None:
    checksum = xxhash.xxh64_digest(b'some text')
    sample.note(home_a={'algorithm': 'xxh64', 'checksum': checksum})
    assert sample.told() == []


def test_it_does_not_compare_what_rsync_could_not_tell(sample: Sample) -> None:
    sample.note(home_a={'gid': -1, 'mtime': 0})
    assert sample.told() == []


def test_owners_count_only_where_they_were_kept(sample: Sample) -> None:
    sample.note(home_a={'uid': 12345}, home_link={'gid': 54321})
    ids = f'{os.getuid()}:{os.getgid()}'
    assert sample.told(owners=False) == []
    assert sample.told() == [
        f'home/a belongs to {ids} instead of 12345:{os.getgid()}',
        f'home/link belongs to {ids} instead of {os.getuid()}:54321',
    ]


def test_it_reads_what_was_kept_in_attributes(sample: Sample) -> None:
    link = sample.tree / 'home' / 'fake link'
    link.write_bytes(b'/the/aim')
    os.utime(link, (TIME, TIME))
    sample.note(**{'home_fake link': {
        'kind': 'L', 'mode': 0o777, 'uid': 7, 'gid': 8, 'target': b'/the/aim', 'checksum': None, 'algorithm': None,
    }})  # fmt: skip
    os.setxattr(link, ATTRIBUTE, b'120777 0,0 7:8')
    assert sample.told(fake_super=True) == []
    assert sample.told() == ['home/fake link is a file instead of a link']
    link.write_bytes(b'/another')
    assert sample.told(fake_super=True) == ['home/fake link leads to /another instead of /the/aim']


def test_a_missing_folder_is_told_once(sample: Sample) -> None:
    for name in ('home/deep/er/file', 'home/deep/file'):
        sample.add(name)
    sample.note()
    os.rename(sample.tree / 'home' / 'deep', sample.tree / 'moved')
    assert sample.told() == ['home/deep is missing, with all that was in it', 'moved was not in the backup']


def test_it_tells_what_was_added_and_not_what_is_in_it(sample: Sample) -> None:
    sample.add('added/much/more')
    sample.add('home/added')
    assert sample.told() == ['added was not in the backup', 'home/added was not in the backup']


def test_folders_above_the_sources_need_no_entry(sample: Sample) -> None:
    with ManifestWriter(sample.manifest) as manifest:
        for name in ('a', 'b', 'link', 'fifo'):
            path = f'home/{name}'.encode()
            manifest.add(entry_of(path, os.fsencode(sample.tree) + b'/' + path))
    assert sample.told() == []


def test_a_tree_that_should_be_empty_is_searched_too(sample: Sample) -> None:
    with ManifestWriter(sample.manifest):
        pass
    assert sample.told() == ['home was not in the backup']


def test_a_name_listed_twice_is_not_strange(sample: Sample) -> None:
    with ManifestWriter(sample.manifest) as manifest:
        for path in (b'home', b'home', b'home/a', b'home/b', b'home/link', b'home/fifo', b'home/a'):
            manifest.add(entry_of(path, os.fsencode(sample.tree) + b'/' + path))
    assert sample.told() == []


@pytest.mark.parametrize('first', [b'home/a', b'home/second'])
def test_a_file_of_two_names_is_read_once_and_told_under_both(sample: Sample, first: bytes) -> None:
    os.link(sample.tree / 'home' / 'a', sample.tree / 'home' / 'second')
    with ManifestWriter(sample.manifest) as manifest:  # the name with the data may come first or last
        for path in (
            b'home',
            first,
            *({b'home/a', b'home/second'} - {first}),
            b'home/b',
            b'home/link',
            b'home/fifo',
        ):
            entry = entry_of(path, os.fsencode(sample.tree) + b'/' + path)
            manifest.add(entry._replace(linked=True, target=b'home/a') if path == b'home/second' else entry)
    with Tree(sample.tree) as tree:
        comparison = Comparison(tree, sample.manifest, owners=True, moved=lambda: None)
        assert list(comparison.findings()) == []
    assert comparison.bytes == 9
    (sample.tree / 'home' / 'a').write_bytes(b'Some text')
    os.utime(sample.tree / 'home' / 'a', (TIME, TIME))
    assert sorted(sample.told()) == ['home/a has other content', 'home/second has other content']
    assert {finding.inode and finding.inode.names for finding in sample.compare()} == {2}


def test_two_copies_in_place_of_a_file_of_two_names_are_compared_each(sample: Sample) -> None:
    sample.add('home/second')
    sample.note(home_second={'linked': True, 'target': b'home/a'})
    assert sample.told() == []
    (sample.tree / 'home' / 'second').write_bytes(b'Some text')
    os.utime(sample.tree / 'home' / 'second', (TIME, TIME))
    assert sample.told() == ['home/second has other content']


def test_it_names_what_took_the_place(sample: Sample) -> None:
    (sample.tree / 'home' / 'a').unlink()
    (sample.tree / 'home' / 'a').mkdir()
    (sample.tree / 'home' / 'fifo').unlink()
    (sample.tree / 'home' / 'fifo').symlink_to('a')
    assert sample.told() == [
        'home/a is a folder instead of a file',
        'home/fifo is a link instead of a FIFO or socket',
    ]


def test_a_damaged_manifest_is_noticed_before_it_accuses_a_file(sample: Sample) -> None:
    data = bytearray(sample.manifest.read_bytes())
    data[-1] ^= 1
    sample.manifest.write_bytes(data)
    (sample.tree / 'home' / 'a').unlink()
    with Tree(sample.tree) as tree:
        findings = Comparison(tree, sample.manifest, owners=True, moved=lambda: None).findings()
        with pytest.raises(StoreError):
            next(findings)


class BrokenTree(Tree):
    """A disk whose files cannot be read."""

    def __init__(self, root: Path, number: int) -> None:
        super().__init__(root)
        self._number = number

    def open_file(self, path: bytes) -> int:
        if path.endswith(b'good'):
            return super().open_file(path)
        raise OSError(self._number, os.strerror(self._number))


def broken(sample: Sample, number: int) -> list[Finding]:
    with BrokenTree(sample.tree, number) as tree:
        return list(Comparison(tree, sample.manifest, owners=True, moved=lambda: None).findings())


def test_a_bad_sector_is_damage(sample: Sample) -> None:
    findings = broken(sample, errno.EIO)
    assert [finding.what for finding in findings] == ['cannot be read from the disk (Input/output error)'] * 2
    assert all(finding.damaged and finding.inode for finding in findings)


def test_what_may_not_be_read_is_no_damage(sample: Sample) -> None:
    assert {finding.damaged for finding in broken(sample, errno.EACCES)} == {False}


def test_a_disk_that_reads_nothing_any_more_ends_it(sample: Sample) -> None:
    for number in range(DEAD_DISK):
        sample.add(f'many/{number:03}')
    sample.note()
    with pytest.raises(OSError, match='Input/output'):
        broken(sample, errno.EIO)


def test_scattered_bad_sectors_do_not_end_it(sample: Sample) -> None:
    for number in range(DEAD_DISK):
        sample.add(f'many/{number:03}-bad')
        sample.add(f'many/{number:03}-good')
    sample.note()
    assert len(broken(sample, errno.EIO)) == DEAD_DISK + 2


def test_memory_does_not_grow_with_the_files(sample: Sample) -> None:
    def peak_with(count: int) -> int:
        for number in range(count):
            (sample.tree / 'home' / f'{number}').touch()
        sample.note()
        with Tree(sample.tree) as tree:
            findings = Comparison(tree, sample.manifest, owners=True, moved=lambda: None).findings()
            tracemalloc.start()
            assert list(findings) == []
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return peak

    few = peak_with(2000)
    assert peak_with(7000) < few + 200_000
