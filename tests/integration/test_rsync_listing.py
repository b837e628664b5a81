"""A real rsync over files of every kind: what it lists reads back to the truth, what it is told to take it takes.

Both ends are this machine; a script stands in for ssh and gives the far command to a shell, as sshd does.
"""

import hashlib
import os
import random
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from plumbus.backup.entries import entry_of
from plumbus.backup.joining import listing_place
from plumbus.backup.listing import nul_separated
from plumbus.cancellation import Cancellation
from plumbus.transfer.items import (
    Item,
    TransferProgress,
    parse_checksum_name,
    parse_item,
    parse_progress,
    parse_stat,
)
from plumbus.transfer.process import Outcome, run
from plumbus.transfer.rsync import (
    Options,
    environment,
    fetch_all_arguments,
    fetch_listed_arguments,
    push_arguments,
    scan_arguments,
)
from plumbus.transfer.sources import source_feed
from tests.support.marks import needs_root, needs_rrsync
from tests.support.sshd import IS_ROOT, RRSYNC
from tests.support.zoo import make_zoo

KINDS = {
    stat.S_IFREG: 'file', stat.S_IFDIR: 'folder', stat.S_IFLNK: 'link', stat.S_IFIFO: 'special', stat.S_IFSOCK: 'special',
    stat.S_IFCHR: 'device', stat.S_IFBLK: 'device',
}  # fmt: skip
SHELL = '#!/bin/sh\nshift\nexec sh -c "$*"\n'


@dataclass(kw_only=True)
class Told:
    """What a run printed, sorted."""

    outcome: Outcome
    prefix: bytes
    items: list[Item] = field(default_factory=list)
    progress: list[TransferProgress] = field(default_factory=list)
    stats: dict[str, int] = field(default_factory=dict)
    checksum: str | None = None
    rest: list[bytes] = field(default_factory=list)

    @property
    def below(self) -> list[Item]:
        """Without the folders above the source, in which others may be at work."""
        return [item for item in self.items if (item.path + b'/').startswith(self.prefix + b'/')]

    @property
    def changed(self) -> dict[bytes, Item]:
        return {item.path: item for item in self.below if not item.is_unchanged}


class Bench:
    """A source folder, a tree to fetch into, and rsync between them."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / 'source'
        self.tree = folder / 'tree'
        self.prefix = os.fsencode(self.source).lstrip(b'/')
        self.home = folder
        self.tree.mkdir()
        self.source.mkdir()
        self.shell = folder / 'shell'
        self.shell.write_text(SHELL)
        self.shell.chmod(0o755)
        self.options = Options(timeout_s=20, xattrs=True)
        self.cancellation = Cancellation()

    def rsync(self, argv: list[bytes], feed: Iterable[bytes] | None = None) -> Told:
        lines: list[bytes] = []
        outcome = run(
            argv,
            cancellation=self.cancellation,
            idle_timeout_s=60,
            feed=feed,
            on_output=lines.extend,
            env={**environment(self.home), 'RSYNC_CHECKSUM_LIST': 'md5'},
        )
        told = Told(outcome=outcome, prefix=self.prefix)
        for line in lines:
            if item := parse_item(line):
                told.items.append(item)
            elif progress := parse_progress(line):
                told.progress.append(progress)
            elif number := parse_stat(line):
                told.stats.update([number])
            elif name := parse_checksum_name(line):
                told.checksum = name
            else:
                told.rest.append(line)
        return told

    def scan(self, *sources: str | bytes) -> Told:
        given = sources or (str(self.source),)
        return self.rsync(
            scan_arguments(self.options, str(self.shell), 'x', given, self.tree), source_feed(given)
        )

    def fetch_all(self, *sources: str | bytes) -> Told:
        given = sources or (str(self.source),)
        return self.rsync(
            fetch_all_arguments(self.options, str(self.shell), 'x', given, self.tree), source_feed(given)
        )

    def fetch(self, paths: Iterable[bytes]) -> Told:
        feed = nul_separated(list(paths))
        return self.rsync(fetch_listed_arguments(self.options, str(self.shell), 'x', self.tree), feed)

    def push(
        self,
        *paths: str | bytes,
        to: str | Path = '/',
        relative: bool = True,
        delete: bool = False,
        dry_run: bool = False,
    ) -> Told:
        return self.rsync(
            push_arguments(
                self.options, str(self.shell), 'x', self.tree, paths, str(to),
                relative=relative, delete=delete, dry_run=dry_run,
            )
        )  # fmt: skip

    def differences(self) -> list[bytes]:
        """What the strictest comparison of source and tree finds."""
        lines: list[bytes] = []
        copied = os.fsencode(self.tree) + b'/' + self.prefix + b'/'
        argv = [
            'rsync',
            '-aHXnci',
            '--delete',
            '--numeric-ids',
            '--modify-window=-1',
            f'{self.source}/',
            copied,
        ]
        outcome = run(argv, cancellation=Cancellation(), idle_timeout_s=60, on_output=lines.extend)
        assert outcome.exit_code == 0
        return lines


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def zoo(bench: Bench) -> Iterator[Bench]:
    bench.source.rmdir()
    make_zoo(bench.source, root=IS_ROOT, unreadable=IS_ROOT)
    _random_names(bench.source / 'random')
    bench.source.joinpath('pi|pe|| | ').write_text('pipes')
    yield bench
    for folder, _, _ in os.walk(bench.home):
        os.chmod(folder, 0o755)


def _random_names(folder: Path) -> None:
    """Names made of what is likely to be taken for something else."""
    folder.mkdir()
    chance = random.Random(6)
    pieces = [b'\\', b'#', b'0', b'1', b'012', b'777', b'9', b' ', b'->', b'=>', b' -> ', b' => ', b'|', b'\n', b'\r', b'\t',
              b'\x7f', b'\xc2', b'\x85', b'\xe2\x82\xac', b'\xff', b'-', b'.', b'*', b'"', b'a', b'\x00'[:0] + b'\x1b']  # fmt: skip
    for _ in range(400):
        name = b''.join(chance.choices(pieces, k=chance.randint(1, 12)))
        if name not in {b'.', b'..'}:
            Path(os.fsdecode(os.fsencode(folder) + b'/' + name)).write_bytes(name)


def everything_below(folder: Path) -> dict[bytes, os.stat_result]:
    """Every path below and including the folder, as rsync names it, with what lstat says."""
    top = os.fsencode(folder)
    found = {top: os.lstat(top)}
    for parent, folders, files in os.walk(top):
        found |= {
            os.path.join(parent, name): os.lstat(os.path.join(parent, name)) for name in folders + files
        }
    return {path.lstrip(b'/'): status for path, status in found.items()}


def assert_true(told: Told, bench: Bench) -> None:
    """Every line of a listing read back to what lies there, each path once, and nothing else."""
    truth = everything_below(bench.source)
    below = told.below
    above = [item for item in told.items if item not in below]
    assert sorted(item.path for item in below) == sorted(truth)
    assert all(item.is_dir and bench.prefix.startswith(item.path + b'/') for item in above)
    leaders = {(truth[item.path].st_dev, truth[item.path].st_ino) for item in below if not item.is_hardlink}
    for item in below:
        status = truth[item.path]
        mode = stat.filemode(status.st_mode)[1:]
        assert (item.kind, item.mode) == (KINDS[stat.S_IFMT(status.st_mode)], mode)
        assert (item.mtime, item.uid, item.gid) == (
            int(status.st_mtime_ns // 10**9),
            status.st_uid,
            status.st_gid,
        )
        if item.kind in {'file', 'link'}:
            assert item.size == status.st_size
        if item.is_hardlink:
            assert (status.st_dev, status.st_ino) in leaders
            assert not item.extra or os.path.samestat(truth[item.extra], status)
        else:
            assert item.extra == (os.readlink(b'/' + item.path) if item.is_link else b'')


def test_it_reads_every_line_of_a_first_scan(zoo: Bench) -> None:
    told = zoo.scan()

    assert told.outcome.exit_code == 0, told.outcome.error_lines
    assert_true(told, zoo)
    assert told.stats['files'] == len(told.items)
    assert all(item.is_new and item.checksum is None for item in told.items)
    assert not any(zoo.tree.iterdir())


def test_it_fetches_what_has_a_very_long_name_wherever_that_stands(bench: Bench) -> None:
    folder = bench.source
    for _ in range(19):
        folder /= 'y' * 150
    os.makedirs(folder)
    (folder.parents[9] / 'a').write_text('first')
    (folder / 'file').write_text('last')
    asked = [os.fsencode(path).lstrip(b'/') for path in (folder.parents[9] / 'a', folder / 'file')]

    told = bench.fetch(asked)

    assert told.outcome.exit_code == 0, told.outcome.error_lines
    assert bench.differences() == []


def test_it_lists_in_the_order_in_which_new_entries_are_put(zoo: Bench) -> None:
    zoo.fetch_all()

    entries = [entry_of(item) for item in zoo.scan().below]

    assert entries == sorted(entries, key=listing_place)


def test_it_reads_every_line_of_a_fetch(zoo: Bench) -> None:
    told = zoo.fetch_all()

    assert told.outcome.exit_code == 0, told.outcome.error_lines
    assert_true(told, zoo)
    assert all(line.startswith((b'File list ', b'sent ', b'total size is ')) for line in told.rest)
    assert zoo.differences() == []
    assert told.checksum == 'md5'
    assert told.progress[-1].bytes == told.stats['transferred_bytes']
    assert told.stats['files'] == len(told.items)
    for item in told.items:
        assert (item.checksum is not None) == item.has_data == (item.kind == 'file' and not item.is_hardlink)
        if item.checksum:
            content = Path(os.fsdecode(b'/' + item.path)).read_bytes()
            assert item.checksum.decode() == hashlib.md5(content).hexdigest()


def test_it_finds_nothing_new_in_a_second_scan(zoo: Bench) -> None:
    zoo.fetch_all()

    told = zoo.scan()

    assert_true(told, zoo)
    assert told.changed == {}


def test_it_fetches_a_list_of_every_kind_of_path(zoo: Bench) -> None:
    wanted = zoo.scan().items

    told = zoo.fetch(item.path for item in wanted)

    assert told.outcome.exit_code == 0, told.outcome.error_lines
    assert_true(told, zoo)
    assert zoo.differences() == []


def test_it_fetches_exactly_the_list(bench: Bench) -> None:
    for name in ('a/wanted', 'a/not wanted', 'a/inner/deep', 'b/not wanted'):
        bench.source.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        bench.source.joinpath(name).write_text(name)

    bench.fetch([bench.prefix + b'/a/wanted', bench.prefix + b'/a/inner', bench.prefix + b'/b'])

    copied = bench.tree / os.fsdecode(bench.prefix)
    assert sorted(str(path.relative_to(copied)) for path in copied.rglob('*')) == [
        'a',
        'a/inner',
        'a/wanted',
        'b',
    ]


def test_it_fetches_nothing_for_an_empty_list(bench: Bench) -> None:
    assert bench.fetch([]).outcome.exit_code == 0
    assert list(bench.tree.iterdir()) == []


def test_it_sees_every_kind_of_change(zoo: Bench) -> None:
    zoo.fetch_all()
    source = zoo.source
    (source / 'contents/text').write_text('longer than before ' * 200)
    (source / 'modes/plain').chmod(0o640)
    (source / 'links/relative').unlink()
    (source / 'links/relative').symlink_to('elsewhere -> there')
    (source / 'contents/empty').unlink()
    (source / 'contents/empty').mkdir()
    (source / 'new => name').write_text('new')

    changed = zoo.scan().changed

    def change(name: str) -> Item:
        return changed[zoo.prefix + b'/' + os.fsencode(name)]

    assert change('contents/text').has_data
    assert not change('contents/text').is_new
    assert change('modes/plain').attributes_only
    assert (change('links/relative').change[:2], change('links/relative').extra) == (
        b'cL',
        b'elsewhere -> there',
    )
    assert (change('contents/empty').kind, change('contents/empty').is_new) == ('folder', True)
    assert change('new => name').is_new
    assert changed.keys() == {
        zoo.prefix + b'/' + name for name in (
            b'contents', b'contents/text', b'contents/empty', b'modes/plain', b'links', b'links/relative', b'new => name'
        )
    } | ({zoo.prefix})  # fmt: skip


def test_it_sees_an_edit_of_the_same_size_within_the_same_second(bench: Bench) -> None:
    file = bench.source / 'file'
    file.write_text('one')
    os.utime(file, ns=(1_700_000_000_100_000_000,) * 2)
    bench.fetch_all()

    file.write_text('two')
    os.utime(file, ns=(1_700_000_000_900_000_000,) * 2)

    assert bench.scan().changed[bench.prefix + b'/file'].has_data


def test_it_names_the_leader_of_a_new_name_for_an_unchanged_file(bench: Bench) -> None:
    (bench.source / 'old => name').write_text('content')
    bench.fetch_all()
    os.link(bench.source / 'old => name', bench.source / 'z -> new')

    found = bench.scan().changed[bench.prefix + b'/z -> new']

    assert (found.is_hardlink, found.is_new, found.extra) == (True, True, bench.prefix + b'/old => name')


@pytest.mark.parametrize('secluded', [True, False])
@pytest.mark.parametrize(
    'name',
    [
        'plain', '*', '?', '[ab]', '[!a]*', 'a]b', 'back\\slash', 'end\\', 'back\\slash*', '*\\a[', "it's", '"q"', '$(id)', '`id`', '$HOME', '~', '-rf',
        ' lead', 'trail ', ';ls', '&', '|', 'host:path', '{a,b}', '#x', 'tab\tx', 'ümläut', 'inv\udcff', 'a -> b',
    ],
)  # fmt: skip
def test_it_takes_source_paths_literally(bench: Bench, name: str, secluded: bool) -> None:
    bench.options = replace(bench.options, secluded=secluded)
    for other in ('a', 'b', 'abc', name):
        (bench.source / other).mkdir(exist_ok=True)
        (bench.source / other / 'file').write_text(other.encode(errors='replace').decode())

    told = bench.fetch_all(os.fsencode(bench.source / name))

    assert told.outcome.exit_code == 0, told.outcome.error_lines
    assert os.listdir(bench.tree / os.fsdecode(bench.prefix)) == [name]


@pytest.mark.parametrize(
    ('pattern', 'left_out'),
    [
        ('*.tmp', {'x.tmp', 'folder/y.tmp'}),
        ('- keep', {'- keep'}),
        ('+ keep', {'+ keep'}),
        ('!', {'!'}),
        ('! clear', {'! clear'}),
        ('.keep', {'.keep'}),
        ('merge keep', set()),
        ('folder/', {'folder', 'folder/y.tmp'}),
        (' lead', {' lead'}),
        ('#x', {'#x'}),
    ],
)
def test_it_takes_excludes_as_patterns_and_never_as_directives(
    bench: Bench, pattern: str, left_out: set[str]
) -> None:
    (bench.source / 'folder').mkdir()
    names = {
        'x.tmp',
        'folder/y.tmp',
        '- keep',
        '+ keep',
        '!',
        '! clear',
        '.keep',
        ' lead',
        '#x',
        'keep',
        'folder',
    }
    for name in names - {'folder'}:
        (bench.source / name).touch()
    bench.options = replace(bench.options, excludes=('nothing', pattern))

    bench.fetch_all()

    copied = bench.tree / os.fsdecode(bench.prefix)
    assert {str(path.relative_to(copied)) for path in copied.rglob('*')} == names - left_out


def test_it_takes_excludes_from_the_root_where_they_begin_with_a_slash(bench: Bench) -> None:
    for name in ('cache/x', 'deep/cache/x'):
        bench.source.joinpath(name).parent.mkdir(parents=True)
        bench.source.joinpath(name).touch()
    bench.options = replace(bench.options, excludes=(f'{bench.source}/cache',))

    paths = {item.path.removeprefix(bench.prefix + b'/') for item in bench.scan().items}

    assert b'deep/cache/x' in paths
    assert b'cache' not in paths


def test_it_works_with_every_option_at_once(zoo: Bench, tmp_path: Path) -> None:
    for name in ('partial', 'temp'):
        (tmp_path / name).mkdir()
    zoo.options = Options(
        acls=True, xattrs=True, bandwidth_limit_kib=1_000_000, compress=True, one_file_system=True, timeout_s=20,
        excludes=('nothing',), partial_dir=tmp_path / 'partial', temp_dir=tmp_path / 'temp',
    )  # fmt: skip

    told = zoo.fetch_all()

    assert told.outcome.exit_code == 0, told.outcome.error_lines
    assert zoo.differences() == []
    assert list((tmp_path / 'temp').iterdir()) == []


@needs_rrsync
def test_it_gets_along_with_a_key_that_is_bound_to_rrsync(bench: Bench) -> None:
    bench.shell.write_text(f'#!/bin/sh\nshift\nSSH_ORIGINAL_COMMAND="$*" exec {RRSYNC} -ro /\n')
    bench.options = Options(
        secluded=False, xattrs=True, acls=True, compress=True, bandwidth_limit_kib=1_000_000, one_file_system=True,
        excludes=('*.tmp', 'it is')
    )  # fmt: skip
    for name in ('one', "it's two", 'three.tmp'):
        (bench.source / name).write_text(name)

    assert bench.scan().outcome.exit_code == 0
    assert bench.fetch_all().outcome.exit_code == 0
    (bench.source / 'one').write_text('edited')
    changed = bench.scan().changed
    told = bench.fetch([*changed, bench.prefix + b'/vanished'])

    assert told.outcome.exit_code == 0, told.outcome.error_lines
    assert changed.keys() == {bench.prefix + b'/one'}
    copied = bench.tree / os.fsdecode(bench.prefix)
    assert {path.name: path.read_text() for path in copied.iterdir()} == {
        'one': 'edited',
        "it's two": "it's two",
    }


def test_it_leaves_nothing_half_in_the_tree_and_goes_on_from_there(bench: Bench, tmp_path: Path) -> None:
    (bench.source / 'large').write_bytes(random.Random(1).randbytes(6_000_000))
    for name in ('partial', 'temp'):
        (tmp_path / name).mkdir()
    limited = replace(
        bench.options, partial_dir=tmp_path / 'partial', temp_dir=tmp_path / 'temp', bandwidth_limit_kib=2000
    )
    argv = fetch_all_arguments(limited, str(bench.shell), 'x', [str(bench.source)], bench.tree)

    def stop_in_the_middle(lines: list[bytes]) -> None:
        if any(progress.bytes > 1_000_000 for line in lines if (progress := parse_progress(line))):
            bench.cancellation.cancel('cancelled')

    outcome = run(
        argv,
        cancellation=bench.cancellation,
        idle_timeout_s=60,
        on_output=stop_in_the_middle,
        env=environment(bench.home),
    )

    assert outcome.cancelled
    assert [path for path in bench.tree.rglob('*') if not path.is_dir()] == []
    assert [path.name for path in (tmp_path / 'partial').iterdir()] == ['large']
    bench.cancellation = Cancellation()
    bench.options = replace(limited, bandwidth_limit_kib=0)
    told = bench.fetch_all()
    assert told.stats['matched_bytes'] > 500_000
    assert bench.differences() == []


@needs_root
def test_it_keeps_owners_without_being_allowed_to_and_restores_them(bench: Bench, tmp_path: Path) -> None:
    (bench.source / 'file').write_text('x')
    os.chown(bench.source / 'file', 1234, 5678)
    bench.options = replace(bench.options, xattrs=False, fake_super=True)

    bench.fetch_all()
    kept = bench.tree / os.fsdecode(bench.prefix) / 'file'
    assert kept.stat().st_uid == os.getuid()
    assert bench.scan().changed == {}
    bench.push(bench.source / 'file', to=tmp_path / 'new', relative=False)

    status = (tmp_path / 'new' / 'file').stat()
    assert (status.st_uid, status.st_gid) == (1234, 5678)


def test_it_restores_a_file_to_its_place_and_leaves_the_folders_above_alone(bench: Bench) -> None:
    inner = bench.source / 'inner'
    inner.mkdir()
    (inner / 'file').write_text('right')
    bench.fetch_all()
    (inner / 'file').write_text('wrong content')
    (inner / 'other').write_text('stays')
    inner.chmod(0o700)

    told = bench.push(inner / 'file')

    assert told.outcome.exit_code == 0, told.outcome.error_lines
    assert [item.path for item in told.items] == [os.fsencode(inner / 'file').lstrip(b'/')]
    assert ((inner / 'file').read_text(), (inner / 'other').read_text()) == ('right', 'stays')
    assert stat.S_IMODE(inner.stat().st_mode) == 0o700


def test_it_restores_what_is_gone_with_the_folders_to_it(bench: Bench) -> None:
    (bench.source / 'gone/deeper').mkdir(parents=True)
    (bench.source / 'gone/deeper/file').write_text('back')
    bench.fetch_all()
    (bench.source / 'gone/deeper/file').unlink()
    (bench.source / 'gone/deeper').rmdir()
    (bench.source / 'gone').rmdir()

    assert bench.push(bench.source / 'gone/deeper/file').outcome.exit_code == 0

    assert (bench.source / 'gone/deeper/file').read_text() == 'back'


def test_it_restores_a_whole_zoo_below_another_folder(zoo: Bench, tmp_path: Path) -> None:
    zoo.fetch_all()

    told = zoo.push(zoo.source, to=tmp_path / 'not/there/yet')

    assert told.outcome.exit_code == 0, told.outcome.error_lines
    zoo.tree = tmp_path / 'not/there/yet'
    assert zoo.differences() == []


def test_it_puts_single_things_into_another_folder(zoo: Bench, tmp_path: Path) -> None:
    zoo.fetch_all()
    target = tmp_path / "new 'place' $(id)"
    paths = [
        path
        for path in everything_below(zoo.source / 'names')
        if path.count(b'/') == zoo.prefix.count(b'/') + 2
    ]

    told = zoo.push(*paths, to=target, relative=False)

    assert told.outcome.exit_code == 0, told.outcome.error_lines
    assert sorted(os.listdir(target)) == sorted(os.listdir(zoo.source / 'names'))


def test_it_tells_in_a_dry_run_what_a_restore_would_do(bench: Bench) -> None:
    for name in ('same', 'missing', 'edited', 'mode'):
        (bench.source / name).write_text(name)
    bench.fetch_all()
    (bench.source / 'missing').unlink()
    (bench.source / 'edited').write_text('something else')
    (bench.source / 'mode').chmod(0o600)
    (bench.source / 'extra -> file').write_text('not in the snapshot')
    (bench.source / 'extra folder').mkdir()

    told = bench.push(bench.source, delete=True, dry_run=True)

    def found(name: bytes) -> Item:
        return next(item for item in told.items if item.path == bench.prefix + b'/' + name)

    assert found(b'missing').is_new
    assert found(b'edited').has_data
    assert found(b'mode').attributes_only
    assert (found(b'extra -> file').is_deleted, found(b'extra -> file').kind) == (True, 'file')
    assert (found(b'extra folder').is_deleted, found(b'extra folder').kind) == (True, 'folder')
    assert not any(item.path.endswith(b'/same') for item in told.items)
    assert (bench.source / 'edited').read_text() == 'something else'
    assert not (bench.source / 'missing').exists()


def test_it_deletes_in_a_restore_only_when_asked(bench: Bench) -> None:
    (bench.source / 'file').write_text('x')
    bench.fetch_all()
    (bench.source / 'extra').touch()

    bench.push(bench.source)
    assert (bench.source / 'extra').exists()
    bench.push(bench.source, delete=True)
    assert not (bench.source / 'extra').exists()
