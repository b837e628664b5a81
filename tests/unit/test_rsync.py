"""The argument lists: what must always be in them, and what no input may ever put into them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from plumbus.errors import InvalidInput
from plumbus.transfer.rsync import (
    Options,
    environment,
    fetch_all_arguments,
    fetch_listed_arguments,
    push_arguments,
    scan_arguments,
)
from plumbus.transfer.sources import source_feed

SHELL = 'ssh -F /run/session/config'
TREE = Path('/data/backups/pi-1/home-1/.incomplete/tree')
EVERYTHING = Options(
    acls=True,
    xattrs=True,
    fake_super=True,
    sudo=True,
    bandwidth_limit_kib=500,
    compress=True,
    one_file_system=True,
    timeout_s=77,
    excludes=('*.tmp', '- x', '+ y', '!', '/home/pi/.cache/', 'ünï', '--delete'),
    partial_dir=Path('/data/partial'),
    temp_dir=Path('/data/temp'),
)
Build = Callable[[Options], list[bytes]]


def scan(options: Options) -> list[bytes]:
    return scan_arguments(options, SHELL, 'client', ['/home/pi', '/etc'], TREE)


def fetch_all(options: Options) -> list[bytes]:
    return fetch_all_arguments(options, SHELL, 'client', ['/home/pi', '/etc'], TREE)


def fetch_listed(options: Options) -> list[bytes]:
    return fetch_listed_arguments(options, SHELL, 'client', TREE)


def push(options: Options) -> list[bytes]:
    return push_arguments(options, SHELL, 'client', TREE, ['/home/pi/x'], '/', relative=True)


ALL = [scan, fetch_all, fetch_listed, push]


@pytest.mark.parametrize('build', ALL)
@pytest.mark.parametrize('options', [Options(), EVERYTHING], ids=['default', 'everything'])
def test_it_never_writes_in_place_links_or_trusts(build: Build, options: Options) -> None:
    words = b' '.join(build(options)).split()

    for forbidden in (
        b'--inplace', b'--append', b'--append-verify', b'--link-dest', b'--copy-dest', b'--compare-dest', b'--old-args',
        b'--trust-sender', b'--ignore-errors',
    ):  # fmt: skip
        assert not any(word.partition(b'=')[0] == forbidden for word in words)


@pytest.mark.parametrize('build', ALL)
def test_it_leaves_out_attributes_that_would_be_taken_for_its_own(build: Build) -> None:
    filters = [word for word in build(EVERYTHING) if word.startswith((b'--filter=-x', b'-f'))]
    assert filters == ([] if build is push else [b'--filter=-xs user.rsync.*', b'--filter=-xs system.*'])
    assert not any(word.startswith(b'--filter=-x') for word in build(replace(EVERYTHING, fake_super=False)))


@pytest.mark.parametrize('build', [scan, fetch_all, fetch_listed])
def test_it_deletes_nothing_while_it_backs_up(build: Build) -> None:
    options = build(EVERYTHING)

    before_paths = options[: options.index(b'--')]
    assert not any(word.startswith(b'--del') for word in before_paths)


@pytest.mark.parametrize('build', ALL)
def test_it_has_what_all_runs_share(build: Build) -> None:
    argv = build(Options())

    assert argv[0] == b'rsync'
    assert {
        b'-aHS', b'--numeric-ids', b'--modify-window=-1', b'--secluded-args', b'--relative', b'--no-human-readable',
        b'--outbuf=L', b'--timeout=60', b'--debug=NSTR1', b'--rsh=ssh -F /run/session/config',
    } <= set(argv)  # fmt: skip
    assert any(word.startswith(b'--out-format=%i|') for word in argv)


@pytest.mark.parametrize('build', ALL)
def test_it_takes_over_what_the_ends_can(build: Build) -> None:
    argv = build(EVERYTHING)

    assert {b'--acls', b'--xattrs', b'--fake-super', b'--rsync-path=sudo -n rsync', b'--timeout=77'} <= set(
        argv
    )
    assert not {b'--acls', b'--xattrs', b'--fake-super', b'--rsync-path=sudo -n rsync'} & set(
        build(Options())
    )
    assert b'--secluded-args' not in build(replace(EVERYTHING, secluded=False))
    assert not any(word.startswith(b'--timeout') for word in build(replace(EVERYTHING, timeout_s=0)))


@pytest.mark.parametrize('build', [fetch_all, fetch_listed, push])
def test_it_slows_down_and_compresses_only_when_asked(build: Build) -> None:
    assert {b'--bwlimit=500', b'--compress', b'--info=progress2,stats2'} <= set(build(EVERYTHING))
    assert not any(word.startswith((b'--bwlimit', b'--compress')) for word in build(Options()))


@pytest.mark.parametrize('build', [fetch_all, fetch_listed])
def test_it_keeps_half_received_files_out_of_the_tree(build: Build) -> None:
    assert {b'--partial-dir=/data/partial', b'--temp-dir=/data/temp'} <= set(build(EVERYTHING))
    assert b'--dry-run' not in build(EVERYTHING)


def test_it_scans_without_moving_anything() -> None:
    argv = scan(EVERYTHING)

    assert {b'--dry-run', b'-ii', b'--one-file-system'} <= set(argv)
    assert argv[-4:] == [b'--', b'client:/home/pi', b'client:/etc', bytes(TREE) + b'/']


def test_it_fetches_a_list_without_going_down() -> None:
    argv = fetch_listed(EVERYTHING)

    assert {b'--dirs', b'--no-recursive', b'--from0', b'--files-from=-'} <= set(argv)
    assert not any(word.startswith((b'--exclude', b'--filter=-s', b'--one-file-system')) for word in argv)
    assert argv[-3:] == [b'--', b'client:/', bytes(TREE) + b'/']


@pytest.mark.parametrize('build', [scan, fetch_all])
def test_it_passes_every_exclude_as_a_pattern(build: Build) -> None:
    excludes = [word for word in build(EVERYTHING) if word.startswith((b'--exclude', b'--filter=-s'))]

    assert excludes == [f'--filter=-s {pattern}'.encode() for pattern in EVERYTHING.excludes]


@pytest.mark.parametrize(
    ('path', 'argument'),
    [
        ('/home/pi', b'client:/home/pi'),
        (b'/inv\xff', b'client:/inv\xff'),
        ('/surrogate\udcff', b'client:/surrogate\xff'),
        ("/it's $(id) `x` ~", b"client:/it's $(id) `x` ~"),
        ('/back\\slash', b'client:/back\\slash'),
        ('/all*[a]?', b'client:/all\\*\\[a]\\?'),
        ('/back\\slash/all*', b'client:/back\\slash/all\\*'),
        ('/', b'client:/'),
    ],
)
def test_it_names_sources_literally(path: str | bytes, argument: bytes) -> None:
    assert scan_arguments(Options(), SHELL, 'client', [path], TREE)[-2] == argument


def test_it_feeds_sources_that_rsync_would_not_recognize_as_arguments() -> None:
    sources = ['/back\\slash*', '/plain']
    argv = scan_arguments(Options(), SHELL, 'client', sources, TREE)
    assert argv[-2] == b'client:/'
    assert {b'--files-from=-', b'--from0', b'--recursive'} <= set(argv)
    assert source_feed(sources) == [b'/back\\slash*\0', b'/plain\0']
    assert source_feed(['/back\\slash/*', '/[a]']) is None


@pytest.mark.parametrize('path', ['/a\\*', '/x/\\[a]', '/b\\?', '/[\\]c'])
def test_it_refuses_a_source_that_rsync_would_refuse(path: str) -> None:
    with pytest.raises(InvalidInput, match='right before'):
        scan_arguments(Options(), SHELL, 'client', [path], TREE)


def test_it_refuses_to_back_up_nothing() -> None:
    with pytest.raises(InvalidInput):
        scan_arguments(Options(), SHELL, 'client', [], TREE)


def restore(path: str | bytes, target: str, *, relative: bool, **options: bool) -> list[bytes]:
    return push_arguments(Options(), SHELL, 'client', TREE, [path], target, relative=relative, **options)


def test_it_restores_to_where_it_came_from_and_leaves_the_folders_above_alone() -> None:
    argv = restore('/home/pi/x', '/', relative=True)

    assert argv[-3:] == [b'--', bytes(TREE) + b'/./home/pi/x', b'client:/']
    assert {b'--relative', b'--no-implied-dirs'} <= set(argv)
    assert not {b'--mkpath', b'--delete', b'--dry-run', b'-ii'} & set(argv)


def test_it_restores_below_another_folder_with_the_whole_path() -> None:
    argv = restore('/home/pi/x', '/srv/new', relative=True)

    assert argv[-1] == b'client:/srv/new/'
    assert {b'--relative', b'--mkpath'} <= set(argv)
    assert b'--no-implied-dirs' not in argv


def test_it_restores_one_thing_into_another_folder() -> None:
    argv = restore(b'/home/inv\xff', '/srv/new/', relative=False, delete=True, dry_run=True)

    assert argv[-2:] == [bytes(TREE) + b'/home/inv\xff', b'client:/srv/new/']
    assert {b'--mkpath', b'--delete', b'--dry-run', b'-i'} <= set(argv)
    assert b'--relative' not in argv


def test_it_takes_a_target_literally() -> None:
    assert restore('/home/pi/x', '/srv/*\\[a]/b\\c', relative=True)[-1] == b'client:/srv/\\*\\\\\\[a]/b\\c/'


def test_it_restores_into_a_folder_of_this_machine() -> None:
    argv = push_arguments(Options(fake_super=True), '', '', TREE, ['/home/pi/x'], '/srv/new*', relative=False)
    assert argv[-1] == b'/srv/new*/'
    assert {b'--fake-super', b'-M--super'} <= set(argv)
    assert not any(word.startswith(b'--rsh') for word in argv)


def test_it_refuses_to_restore_nothing() -> None:
    with pytest.raises(InvalidInput):
        push_arguments(Options(), SHELL, 'client', TREE, [], '/', relative=True)


def test_it_gives_rsync_a_small_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('PATH', '/opt/bin:/usr/bin')
    monkeypatch.setenv('RSYNC_OLD_ARGS', '1')
    monkeypatch.setenv('PLUMBUS_API_TOKEN', 'secret')

    assert environment(Path('/data')) == {
        'PATH': '/opt/bin:/usr/bin',
        'HOME': '/data',
        'LC_ALL': 'C.UTF-8',
        'TZ': 'UTC',
    }
