"""PLUMBUS started by an ordinary user: snapshots keep owners, devices and all the rest, and give them back as they were."""

import io
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from plumbus.backup.snapshots import Snapshot
from plumbus.backup.verify import Comparison
from plumbus.transfer.names import path_text
from tests.support import engines
from tests.support.engines import RSYNC_COMPARE, differences, running_engine, state_of
from tests.support.marks import needs_root
from tests.support.sshd import Sshd
from tests.support.unprivileged import (
    NOBODY,
    Unprivileged,
    add_job,
    answered,
    back_up,
    restored,
)
from tests.support.zoo import make_zoo

pytestmark = needs_root
# What comes after -e is called with the name of the host, which is left out.
HERE = 'sh -c \'shift; exec "$@"\' sh'
CAPABILITY = bytes.fromhex(
    '0100000200200000000000000000000000000000'
)  # vfs_cap_data: cap_net_raw+ep (capabilities(7))


@pytest.fixture(scope='module')
def folder() -> Iterator[Path]:
    """A folder that nobody may enter."""
    made = Path(tempfile.mkdtemp(prefix='plumbus-nobody-'))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope='module')
def served(folder: Path) -> Iterator[Unprivileged]:
    with Unprivileged(folder) as running:
        yield running


@pytest.fixture
def api(served: Unprivileged) -> Iterator[httpx.Client]:
    with served.api as client:
        yield client


@pytest.fixture
def sudo(sshd: Sshd) -> Iterator[None]:
    with sshd.sudo_allowed():
        yield


@pytest.fixture
def zoo(source: Path, sudo: None) -> Path:
    """A file of every kind, of several owners, some with several names, and with what only root may set."""
    make_zoo(source, root=True)
    special = source / 'special'
    for name in ('fifo', 'block device', 'socket'):
        os.link(special / name, special / f'also {name}')
    os.chown(special / 'fifo', 7, 8)
    os.chown(source / 'modes' / 'read-only folder', 1234, 0)
    (source / 'foreign' / 'suid').write_text('of another')
    os.chown(source / 'foreign' / 'suid', 1000, 1000)
    (source / 'foreign' / 'suid').chmod(0o6755)
    os.setxattr(source / 'foreign' / 'suid', 'security.capability', CAPABILITY)
    os.setxattr(source / 'foreign' / 'suid', 'trusted.note', b'of root')
    (source / 'of nobody').write_text('this needs no attribute: it is ours')
    os.chown(source / 'of nobody', NOBODY, NOBODY)
    return source


def snapshot_of(served: Unprivileged, backup: dict[str, Any]) -> Snapshot:
    return Snapshot(served.data / backup['backup_path'])


def differences_to(source: Path, snapshot: Snapshot) -> str:
    """What rsync would change in a snapshot, seen as --fake-super sees it, to make it equal to the source."""
    copy = snapshot.tree / str(source).lstrip('/')
    done = subprocess.run(
        [*RSYNC_COMPARE, '-s', '--modify-window=-1', '-M--fake-super', '-e', HERE, f'{source}/', f'here:{copy}/'],
        capture_output=True, text=True, errors='replace', timeout=60, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def whole_state(snapshot: Snapshot) -> dict[bytes, tuple[Any, ...]]:
    """All that must never change, attributes included."""
    state = state_of(snapshot.path)
    return {
        path: (*facts, *((name, os.getxattr(path, name, follow_symlinks=False)) for name in attributes(path)))
        for path, facts in state.items()
    }


def attributes(path: bytes) -> list[str]:
    return sorted(os.listxattr(path, follow_symlinks=False))


def findings(snapshot: Snapshot) -> list[tuple[bytes, str]]:
    """What is not as the manifest tells."""
    with snapshot.open_tree() as tree:
        compared = Comparison(tree, snapshot.manifest, owners=True, moved=lambda: None)
        return [(found.path, found.what) for found in compared.findings()]


def test_it_keeps_all_of_a_zoo_in_files_of_its_own(
    served: Unprivileged, api: httpx.Client, sshd: Sshd, zoo: Path
) -> None:
    backup = back_up(api, add_job(api, sshd, zoo))

    assert (backup['status'], backup['error_message'], backup['warnings']) == ('completed', None, [])
    assert backup['owners'] == 'fake-super'
    snapshot = snapshot_of(served, backup)
    assert snapshot.description()['backup']['owners'] == 'fake-super'
    assert differences_to(zoo, snapshot) == ''
    assert findings(snapshot) == []
    assert {os.lstat(path).st_uid for path in state_of(served.data)} == {NOBODY}
    assert {stat.S_IFMT(os.lstat(path).st_mode) for path in state_of(snapshot.path)} == {
        stat.S_IFREG,
        stat.S_IFDIR,
    }
    log = api.get(f'/api/backups/{backup["id"]}/log').text
    assert 'owners and device files are kept in extended attributes' in log


def test_it_lists_what_was_on_the_client(api: httpx.Client, sshd: Sshd, zoo: Path) -> None:
    backup = back_up(api, add_job(api, sshd, zoo))
    wanted = {path_text(path): facts_of(path) for path in state_of(zoo) if not path.endswith(b'/.')}
    page = {'path': str(zoo), 'limit': 10_000}

    folders = [zoo, *(path for path in zoo.rglob('*') if path.is_dir() and not path.is_symlink())]
    for folder in folders:
        listing = answered(
            api.get(
                f'/api/backups/{backup["id"]}/files', params={**page, 'path': path_text(os.fsencode(folder))}
            )
        )
        for file in listing['files']:
            assert listed_facts(file) == wanted.pop(file['path'])
    assert wanted == {}

    everything = answered(api.get(f'/api/backups/{backup["id"]}/files', params={**page, 'recursive': True}))
    assert everything['total_files'] == len({path for path in state_of(zoo) if not path.endswith(b'/.')})
    by_path = {file['path']: file for file in everything['files']}
    assert by_path[f'{zoo}/links/absolute']['target'] == '/etc/hostname'
    assert by_path[f'{zoo}/foreign/link']['owner'] == '54321'


def facts_of(path: bytes) -> tuple[Any, ...]:
    status = os.lstat(path)
    target = os.readlink(path).decode('utf-8', 'replace') if stat.S_ISLNK(status.st_mode) else None
    size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
    return (
        stat.filemode(status.st_mode),
        str(status.st_uid),
        str(status.st_gid),
        target,
        size,
        target is not None,
    )


def listed_facts(file: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(file[name] for name in ('mode', 'owner', 'group', 'target', 'size', 'is_link'))


def test_it_gives_everything_back_as_it_was(api: httpx.Client, sshd: Sshd, zoo: Path) -> None:
    backup = back_up(api, add_job(api, sshd, zoo))
    target = sshd.folder / 'restored'

    restore = restored(api, backup['id'], restore_path=str(target))

    assert (restore['status'], restore['error_message'], restore['warnings']) == ('completed', None, [])
    copy = target / str(zoo).lstrip('/')
    assert differences(zoo, copy) == ''
    assert os.getxattr(copy / 'foreign' / 'suid', 'security.capability') == CAPABILITY
    assert os.lstat(copy / 'special' / 'fifo').st_nlink == 2
    shutil.rmtree(zoo / 'special')
    shutil.rmtree(zoo / 'links')
    (zoo / 'modes' / 'nothing allowed').write_text('ruined')
    os.lchown(zoo / 'foreign' / 'link', 0, 0)
    assert restored(api, backup['id'])['status'] == 'completed'
    assert differences(copy, zoo) == ''
    shutil.rmtree(target)
    one = restored(api, backup['id'], paths=[str(zoo / 'special' / 'block device')], restore_path=str(target))
    assert one['status'] == 'completed'
    status = os.lstat(target / 'block device')
    assert (stat.S_ISBLK(status.st_mode), status.st_rdev) == (True, os.makedev(7, 99))
    shutil.rmtree(target)


def test_it_stores_nothing_twice(served: Unprivileged, api: httpx.Client, sshd: Sshd, zoo: Path) -> None:
    job = add_job(api, sshd, zoo)
    first = back_up(api, job)
    before = whole_state(snapshot_of(served, first))

    second = back_up(api, job)

    figures = ('transferred_bytes', 'disk_bytes', 'new_files', 'changed_files', 'deleted_files')
    assert [second[name] for name in figures] == [0] * len(figures)
    assert (second['file_count'], second['size_bytes']) == (first['file_count'], first['size_bytes'])
    assert files_below(snapshot_of(served, first)) == files_below(snapshot_of(served, second))
    assert differences_to(zoo, snapshot_of(served, second)) == ''
    assert findings(snapshot_of(served, second)) == []
    assert whole_state(snapshot_of(served, first)) == before


def files_below(snapshot: Snapshot) -> dict[bytes, int]:
    """Inode of everything that is no folder."""
    root = os.fsencode(snapshot.tree)
    return {
        os.path.relpath(path, root): os.lstat(path).st_ino
        for path in state_of(snapshot.tree)
        if not os.path.isdir(path)
    }


def edit_everything(zoo: Path) -> None:
    """A day on the client: owners, modes and targets change, and kinds change into each other."""
    os.chown(zoo / 'contents' / 'text', 4321, 1234)
    os.lchown(zoo / 'links' / 'dangling', 99, 98)
    (zoo / 'modes' / 'plain').chmod(0o000)
    (zoo / 'modes' / 'nothing allowed').chmod(0o4711)
    (zoo / 'contents' / 'empty folder').chmod(0o555)
    (zoo / 'modes' / 'read-only folder' / 'new inside').write_text('new')
    for name, target in {'links/absolute': '/somewhere/else', 'contents/empty': '/was/a/file'}.items():
        (zoo / name).unlink()
        (zoo / name).symlink_to(target)
    (zoo / 'links' / 'relative').unlink()
    (zoo / 'links' / 'relative').write_text('was a link')
    (zoo / 'links' / 'folder').unlink()
    (zoo / 'links' / 'folder').mkdir()
    (zoo / 'links' / 'folder' / 'inside').write_text('was a link to a folder')
    shutil.rmtree(zoo / 'times')
    (zoo / 'times').symlink_to('/etc')
    (zoo / 'special' / 'character device').unlink()
    (zoo / 'special' / 'character device').write_text('was a device')
    (zoo / 'contents' / 'binary').unlink()
    os.mknod(zoo / 'contents' / 'binary', 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    os.link(zoo / 'special' / 'fifo', zoo / 'special' / 'third fifo')
    os.link(zoo / 'hard' / 'pipe', zoo / 'hard' / 'third pipe', follow_symlinks=False)
    os.link(zoo / 'hard' / 'leader', zoo / 'hard' / 'fifth name')
    os.removexattr(zoo / 'foreign' / 'suid', 'trusted.note')
    os.removexattr(zoo / 'attributes' / 'acl file', 'system.posix_acl_access')
    (zoo / 'of nobody').chmod(0o2640)
    (zoo / 'names' / 'upper').write_text('other content of a file of root')
    (zoo / 'special' / 'socket').unlink()


def test_it_follows_every_kind_of_change(
    served: Unprivileged, api: httpx.Client, sshd: Sshd, zoo: Path
) -> None:
    job = add_job(api, sshd, zoo)
    first = back_up(api, job)
    before = whole_state(snapshot_of(served, first))
    edit_everything(zoo)

    second = back_up(api, job)

    assert (second['status'], second['error_message'], second['warnings']) == ('completed', None, [])
    assert differences_to(zoo, snapshot_of(served, second)) == ''
    assert findings(snapshot_of(served, second)) == []
    assert whole_state(snapshot_of(served, first)) == before
    third = back_up(api, job)
    assert [third[name] for name in ('new_files', 'changed_files', 'deleted_files')] == [0, 0, 0]
    answered(api.delete(f'/api/backups/{first["id"]}'))
    assert differences_to(zoo, snapshot_of(served, third)) == ''


def interrupt(api: httpx.Client, job_id: int) -> None:
    """Run the job slowly and cancel it in the middle of the big file."""
    answered(api.put(f'/api/jobs/{job_id}', json={'bandwidth_limit_kib': 2000}))
    backup_id = answered(api.post(f'/api/jobs/{job_id}/run'))['backup_id']

    def told() -> dict[str, Any]:
        return dict(answered(api.get(f'/api/backups/{backup_id}')))

    engines.until(lambda: (told()['progress'] or {'bytes': 0})['bytes'] > 2**20, 'enough of the transfer')
    answered(api.post(f'/api/backups/{backup_id}/cancel'))
    engines.until(lambda: told()['status'] == 'cancelled', 'the cancel')
    answered(api.put(f'/api/jobs/{job_id}', json={'bandwidth_limit_kib': 0}))


def test_it_goes_on_with_what_interrupted_runs_had_fetched(
    served: Unprivileged, api: httpx.Client, sshd: Sshd, zoo: Path
) -> None:
    (zoo / 'contents' / 'sparse').unlink()
    (zoo / 'z-big').write_bytes(os.urandom(3 * 2**20))
    job = add_job(api, sshd, zoo)
    interrupt(api, job)
    first = back_up(api, job)
    before = whole_state(snapshot_of(served, first))
    (zoo / 'contents' / 'new').mkdir(mode=0o750)
    for name in ('one', 'two'):
        (zoo / 'contents' / 'new' / name).write_text(f'new {name}')
        os.chown(zoo / 'contents' / 'new' / name, 5, 6)
    (zoo / 'z-big').write_bytes(os.urandom(3 * 2**20))
    interrupt(api, job)
    second = back_up(api, job)

    assert 'going on with what' in api.get(f'/api/backups/{first["id"]}/log').text
    for backup in (first, second):
        assert (backup['status'], backup['warnings']) == ('completed', [])
        assert backup['transferred_bytes'] < 2.5 * 2**20
        assert findings(snapshot_of(served, backup)) == []
    assert differences_to(zoo, snapshot_of(served, second)) == ''
    assert whole_state(snapshot_of(served, first)) == before


def test_it_gives_nobody_rights_that_a_user_of_the_client_made_up(
    served: Unprivileged, api: httpx.Client, sshd: Sshd, source: Path, sudo: None
) -> None:
    """An attribute called like one that keeps what only root may set would become just that."""
    (source / 'program').write_text('#!/bin/sh')
    os.setxattr(source / 'program', 'user.rsync.security.capability', CAPABILITY)
    os.setxattr(source / 'program', 'user.rsync.%stat', b'104755 0,0 0:0')
    os.setxattr(source / 'program', 'user.comment', b'kept')
    job = add_job(api, sshd, source)
    backup = back_up(api, job)
    target = sshd.folder / 'restored'

    assert (
        restored(api, backup['id'], paths=[str(source / 'program')], restore_path=str(target))['status']
        == 'completed'
    )

    assert os.listxattr(target / 'program') == ['user.comment']
    assert stat.S_IMODE(os.lstat(target / 'program').st_mode) == 0o644
    shutil.rmtree(target)
    assert back_up(api, job)['changed_files'] == 0


def test_its_snapshots_are_restored_and_moved_by_hand(
    served: Unprivileged, api: httpx.Client, sshd: Sshd, zoo: Path, tmp_path: Path
) -> None:
    """With the commands of docs/recovery.md."""
    snapshot = snapshot_of(served, back_up(api, add_job(api, sshd, zoo)))
    moved = tmp_path / 'moved'
    subprocess.run(['rsync', '-aHAXX', f'{snapshot.path}/', f'{moved}/'], check=True, timeout=60)
    for number, tree in enumerate((snapshot.tree, moved / 'tree')):
        target = tmp_path / f'restored-{number}'
        command = ['rsync', '-aHAX', '--modify-window=-1', '--numeric-ids', '--fake-super', '-M--super']
        subprocess.run([*command, f'{tree}/{zoo}/', f'{target}/'], check=True, timeout=60)
        assert differences(zoo, target) == ''


def test_it_never_mixes_snapshots_of_root_and_of_another(folder: Path, sshd: Sshd, zoo: Path) -> None:
    home = folder / 'changing'
    home.mkdir()
    with Unprivileged(home) as running, running.api as api:
        job = add_job(api, sshd, zoo)
        first = back_up(api, job)
        data, before = running.data, whole_state(snapshot_of(running, first))
        assert running.stop() == 0

    with running_engine(data) as engine:
        second = engines.back_up(engine, job)
        third = engines.back_up(engine, job)
        log = '\n'.join(engine.backups.log_tail(second.id))

    assert (second.status, second.owners, second.warnings) == ('completed', 'real', [])
    assert 'all is stored anew' in log
    assert second.new_files == second.file_count
    assert differences(zoo, data / str(second.backup_path) / 'tree' / str(zoo).lstrip('/')) == ''
    assert (third.new_files, third.changed_files, third.disk_bytes) == (0, 0, 0)
    assert whole_state(snapshot_of(running, first)) == before
    (zoo / 'contents' / 'text').write_text('later')

    with Unprivileged(home) as running, running.api as api:
        fourth = back_up(api, job)
        log = api.get(f'/api/backups/{fourth["id"]}/log').text
        listed = answered(api.get(f'/api/backups/{third.id}/files', params={'path': f'{zoo}/foreign'}))[
            'files'
        ]
    assert (fourth['status'], fourth['owners'], fourth['changed_files']) == ('completed', 'fake-super', 1)
    assert 'goes on from an older one of its kind' in log
    assert differences_to(zoo, snapshot_of(running, fourth)) == ''
    assert whole_state(snapshot_of(running, first)) == before
    assert 'link' in {file['name'] for file in listed}


@pytest.fixture
def without_attributes(folder: Path) -> Iterator[Path]:
    """A file system that keeps no extended attributes."""
    mounted = folder / 'ramfs'
    mounted.mkdir()
    subprocess.run(['mount', '-t', 'ramfs', 'none', mounted], check=True)
    yield mounted
    subprocess.run(['umount', '-l', mounted], check=True)


def test_it_says_so_where_it_can_keep_no_owners(without_attributes: Path, sshd: Sshd, zoo: Path) -> None:
    with Unprivileged(without_attributes) as running, running.api as api:
        job = add_job(api, sshd, zoo)
        first = back_up(api, job)
        before = whole_state(snapshot_of(running, first))
        os.chown(zoo / 'modes' / 'nothing allowed', 5, 6)
        (zoo / 'modes' / 'nothing allowed').write_text('another text that none may read')
        (zoo / 'modes' / 'read-only folder' / 'inside').unlink()
        (zoo / 'modes' / 'read-only folder' / 'other').write_text('new')
        second = back_up(api, job)

    assert (first['status'], first['owners']) == ('completed', 'none')
    assert 'Owners, groups and device files are not kept' in first['warnings'][0]
    assert sorted(text.partition(': ')[0] for text in first['warnings'][1:]) == sorted(
        f'{zoo}/special/{name}' for name in ('also block device', 'block device', 'character device')
    )
    assert second['status'] == 'completed'
    assert (second['new_files'], second['changed_files'], second['deleted_files']) == (1, 1, 1)
    assert whole_state(snapshot_of(running, first)) == before
    copy = snapshot_of(running, second).tree / str(zoo).lstrip('/')
    assert (copy / 'modes' / 'nothing allowed').read_text() == 'another text that none may read'
    assert [path.name for path in (copy / 'modes' / 'read-only folder').iterdir()] == ['other']
    assert stat.S_IMODE((copy / 'modes' / 'read-only folder').stat().st_mode) == 0o555
    assert (copy / 'links' / 'absolute').is_symlink()


def test_it_verifies_what_it_made(served: Unprivileged, api: httpx.Client, sshd: Sshd, zoo: Path) -> None:
    backup = back_up(api, add_job(api, sshd, zoo))
    ended = answered(api.post(f'/api/backups/{backup["id"]}/verify?wait=60'))
    assert (ended['status'], ended['verify_status']) == ('completed', 'ok'), ended
    assert (ended['verify_errors'], ended['warnings']) == ([], [])
    link = snapshot_of(served, backup).tree / str(zoo / 'links' / 'relative').lstrip('/')
    link.write_text('/elsewhere')
    ended = answered(api.post(f'/api/backups/{backup["id"]}/verify?wait=60'))
    assert ended['verify_errors'] == [
        f'{zoo}/links/relative leads to /elsewhere instead of ../contents/text.'
    ]


def test_whoever_looks_into_it_sees_what_was_on_the_client(
    api: httpx.Client, sshd: Sshd, zoo: Path, tmp_path: Path
) -> None:
    job = add_job(api, sshd, zoo)
    first = back_up(api, job)
    (zoo / 'links' / 'relative').unlink()
    (zoo / 'links' / 'relative').symlink_to('elsewhere')
    os.lchown(zoo / 'foreign' / 'link', 77, 78)
    second = back_up(api, job)
    at = f'/api/backups/{second["id"]}'

    packed = api.get(f'{at}/download', params={'path': str(zoo), 'format': 'tar'}).content
    (zoo / 'special' / 'socket').unlink()  # no archive holds one
    (zoo / 'special' / 'also socket').unlink()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        members = {member.name.partition('/')[2]: member for member in archive}
    links = {name for name, member in members.items() if member.issym()}
    assert links >= {'links/relative', 'links/absolute', 'foreign/link'}
    assert members['links/relative'].linkname == 'elsewhere'
    assert (members['foreign/link'].uid, members['foreign/link'].gid) == (77, 78)
    assert members['special/block device'].isblk() or members['special/also block device'].isblk()
    assert members['foreign/suid'].mode == 0o6755
    zipped = api.get(f'{at}/download', params={'path': str(zoo / 'links'), 'format': 'zip'}).content
    with zipfile.ZipFile(io.BytesIO(zipped)) as made:
        [relative] = [info for info in made.infolist() if info.filename.endswith('/relative')]
        assert stat.S_ISLNK(relative.external_attr >> 16)
        assert made.read(relative) == b'elsewhere'

    for name in ('links/relative', 'special/fifo'):  # files here, but none over there
        for what in ('download', 'preview'):
            assert api.get(f'{at}/{what}', params={'path': str(zoo / name)}).status_code == 404
    told = answered(api.get(f'{at}/diff', params={'against': first['id'], 'path': str(zoo)}))
    assert [change['path'] for change in told['changed']] == [f'{zoo}/foreign/link', f'{zoo}/links/relative']
    text = str(zoo / 'contents' / 'text')
    versions = answered(api.get(f'/api/jobs/{second["job_id"]}/versions', params={'path': text}))
    assert [each['backup_ids'] for each in versions] == [[first['id'], second['id']]]
