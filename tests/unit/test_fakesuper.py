"""What rsync keeps in attributes reads back as it was on the client."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from plumbus.backup.fakesuper import ATTRIBUTE, decoded
from plumbus.backup.tree import Tree
from plumbus.errors import NotFound
from tests.support.sshd import IS_ROOT
from tests.support.zoo import make_zoo


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / 'file'
    path.write_text('content')
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ('attribute', 'mode', 'uid', 'gid', 'device'),
    [
        (b'100644 0,0 0:0', stat.S_IFREG | 0o644, 0, 0, 0),
        (b'104755 0,0 12345:54321', stat.S_IFREG | 0o4755, 12345, 54321, 0),
        (b'100000 0,0 4294967294:4294967294', stat.S_IFREG, 4294967294, 4294967294, 0),
        (b'120777 0,0 5:6', stat.S_IFLNK | 0o777, 5, 6, 0),
        (b'20660 1,3 0:6', stat.S_IFCHR | 0o660, 0, 6, os.makedev(1, 3)),
        (b'60640 7,99 0:6', stat.S_IFBLK | 0o640, 0, 6, os.makedev(7, 99)),
        (b'10644 0,0 0:0', stat.S_IFIFO | 0o644, 0, 0, 0),
        (b'140755 0,0 0:0', stat.S_IFSOCK | 0o755, 0, 0, 0),
    ],
)
def test_it_reads_what_rsync_writes(
    file: Path, attribute: bytes, mode: int, uid: int, gid: int, device: int
) -> None:
    found, real = decoded(file.stat(), attribute), file.stat()
    assert (found.st_mode, found.st_uid, found.st_gid, found.st_rdev) == (mode, uid, gid, device)
    assert (found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev, found.st_nlink, found.st_blocks) == (
        real.st_size, real.st_mtime_ns, real.st_ino, real.st_dev, real.st_nlink, real.st_blocks,
    )  # fmt: skip


@pytest.mark.parametrize(
    'attribute', [None, b'', b'x', b'100644', b'100644 0,0 0:-1', b'1' * 5000, b'40755 0,0 0:0', b'100644 0,0 0:0\n']
)  # fmt: skip
def test_it_tells_what_lies_there_when_nothing_else_is_known(file: Path, attribute: bytes | None) -> None:
    assert decoded(file.stat(), attribute) == file.stat()


def test_it_believes_an_attribute_of_nothing_but_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / 'link').symlink_to('nowhere')
    status = (tmp_path / 'link').lstat()
    assert decoded(status, b'100644 0,0 7:7') == status
    assert stat.S_ISDIR(decoded(tmp_path.stat(), b'100644 0,0 7:7').st_mode)


def test_it_shows_a_tree_as_it_was_on_the_client(tmp_path: Path) -> None:
    source, copy = tmp_path / 'source', tmp_path / 'copy'
    make_zoo(source, root=IS_ROOT, unreadable=IS_ROOT)
    options = ['-aHAXS', '--modify-window=-1', '--fake-super']
    subprocess.run(['rsync', *options, f'{source}/', f'{copy}/'], check=True, timeout=60)
    assert not (copy / 'links' / 'absolute').is_symlink()
    with Tree(source) as wanted, Tree(copy, fake_super=True) as shown:
        assert told(shown) == told(wanted)


def told(tree: Tree) -> dict[bytes, tuple[object, ...]]:
    """Path → kind, mode, owner, time and what links and devices lead to, of all in a tree."""
    found: dict[bytes, tuple[object, ...]] = {}
    folders = [b'']
    while folders:
        folder = folders.pop()
        for name, status in tree.entries(folder):
            path = folder + b'/' + name
            assert tree.lstat(path) == status
            target = tree.read_link(path) if stat.S_ISLNK(status.st_mode) else None
            found[path] = (
                status.st_mode,
                status.st_uid,
                status.st_gid,
                status.st_mtime_ns,
                status.st_rdev,
                target,
            )
            if stat.S_ISDIR(status.st_mode):
                folders.append(path)
    return found


def test_it_opens_no_link_or_device_that_lies_there_as_a_file(tmp_path: Path) -> None:
    for name, attribute in {
        'link': b'120777 0,0 0:0',
        'device': b'20660 1,3 0:6',
        'fifo': b'10644 0,0 0:0',
    }.items():
        (tmp_path / name).write_text('/etc/shadow')
        os.setxattr(tmp_path / name, ATTRIBUTE, attribute)
    with Tree(tmp_path, fake_super=True) as tree:
        assert [tree.kind(name) for name in (b'link', b'device', b'fifo')] == ['other'] * 3
        assert tree.read_link(b'link') == b'/etc/shadow'
        for name in (b'link', b'device', b'fifo'):
            with pytest.raises(NotFound):
                tree.open_file(name)
        with pytest.raises(NotFound):
            tree.read_link(b'fifo')
    with Tree(tmp_path) as tree:
        assert tree.kind(b'link') == 'f'


def test_it_keeps_the_attribute_when_a_file_is_made_private(file: Path) -> None:
    os.setxattr(file, ATTRIBUTE, b'104755 0,0 7:8')
    os.setxattr(file, 'user.comment', b'kept')
    os.link(file, file.parent / 'older')
    with Tree(file.parent, fake_super=True) as tree:
        tree.make_private(b'file', lambda: None)
        assert (tree.lstat(b'file').st_mode, tree.lstat(b'file').st_uid) == (stat.S_IFREG | 0o4755, 7)
    assert file.stat().st_ino != (file.parent / 'older').stat().st_ino
    assert os.getxattr(file, 'user.comment') == b'kept'
