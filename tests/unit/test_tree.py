"""A tree of a client is touched without following any of its links."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbus.backup.tree import Tree, relative_parts, remove_tree
from plumbus.errors import Cancelled, NotFound
from tests.support.sshd import IS_ROOT

NOBODY = 65534


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / 'tree'
    (folder / 'a' / 'b').mkdir(parents=True)
    (folder / 'a' / 'b' / 'file').write_text('inside')
    (tmp_path / 'outside').mkdir()
    (tmp_path / 'outside' / 'secret').write_text('outside')
    (folder / 'a' / 'escape').symlink_to(tmp_path / 'outside')
    (folder / 'a' / 'shadow').symlink_to('/etc/shadow')
    os.mkfifo(folder / 'a' / 'fifo')
    return folder


@pytest.mark.parametrize('path', [b'../x', b'a/../../x', b'a/b/..', b'a\0b'])
def test_it_refuses_paths_that_lead_out(path: bytes) -> None:
    with pytest.raises(NotFound):
        relative_parts(path)


def test_it_takes_a_leading_slash_as_the_root() -> None:
    assert relative_parts(b'//a/./b/') == [b'a', b'b']


def test_it_lists_a_folder_and_tells_links_apart(root: Path) -> None:
    with Tree(root) as tree:
        kinds = {name: stat.S_IFMT(status.st_mode) for name, status in tree.entries(b'a')}
    assert kinds == {
        b'b': stat.S_IFDIR,
        b'escape': stat.S_IFLNK,
        b'shadow': stat.S_IFLNK,
        b'fifo': stat.S_IFIFO,
    }


@pytest.mark.parametrize(
    'path', [b'a/escape/secret', b'a/escape', b'a/shadow', b'a/fifo', b'a/b', b'missing', b'a/b/file/x']
)
def test_it_opens_nothing_but_regular_files_inside(root: Path, path: bytes) -> None:
    with Tree(root) as tree, pytest.raises(NotFound):
        tree.open_file(path)


def test_it_reads_a_regular_file(root: Path) -> None:
    with Tree(root) as tree, os.fdopen(tree.open_file(b'/a/b/file')) as file:
        assert file.read() == 'inside'


def test_it_does_not_list_through_a_link(root: Path) -> None:
    with Tree(root) as tree, pytest.raises(NotFound):
        list(tree.entries(b'a/escape'))


def test_it_removes_a_link_and_not_what_it_points_to(root: Path) -> None:
    with Tree(root) as tree:
        tree.remove(b'a/escape')
        with pytest.raises(NotFound):
            tree.lstat(b'a/escape')
    assert (root.parent / 'outside' / 'secret').read_text() == 'outside'


def test_it_removes_nothing_behind_a_link(root: Path) -> None:
    with Tree(root) as tree:
        tree.remove(b'a/escape/secret')
    assert (root.parent / 'outside' / 'secret').exists()


def test_it_removes_a_folder_with_all_below_it(root: Path) -> None:
    with Tree(root) as tree:
        tree.lstat(b'a/b/file')
        tree.remove(b'a')
    assert list(root.iterdir()) == []


def test_it_keeps_the_times_of_the_folder_when_it_removes_quietly(root: Path) -> None:
    os.utime(root / 'a' / 'b', ns=(10**18, 10**18))
    with Tree(root) as tree:
        tree.remove_quietly(b'a/b/file')
        tree.remove_quietly(b'a/nothing/there')
    assert (root / 'a' / 'b').stat().st_mtime_ns == 10**18
    assert list((root / 'a' / 'b').iterdir()) == []


def test_it_makes_a_shared_file_private_with_all_it_has(root: Path) -> None:
    older, shared = root / 'older', root / 'a' / 'shared'
    older.write_bytes(b'data' * 1000)
    os.chmod(older, 0o4751)
    os.utime(older, ns=(1, 123_456_789))
    os.link(older, shared)
    with Tree(root) as tree:
        tree.make_private(b'a/shared', lambda: None)
    copy, kept = shared.stat(), older.stat()
    assert copy.st_ino != kept.st_ino
    assert (copy.st_mtime_ns, copy.st_mode, copy.st_uid) == (kept.st_mtime_ns, kept.st_mode, kept.st_uid)
    assert shared.read_bytes() == older.read_bytes()
    shared.write_bytes(b'changed')
    assert older.read_bytes() == b'data' * 1000


def test_it_keeps_holes_when_it_makes_a_file_private(root: Path) -> None:
    sparse = root / 'sparse'
    with sparse.open('wb') as file:
        file.seek(64 * 2**20)
        file.write(b'end')
        file.truncate(128 * 2**20)
    with Tree(root) as tree:
        tree.make_private(b'sparse', lambda: None)
    assert sparse.stat().st_size == 128 * 2**20
    assert sparse.stat().st_blocks * 512 < 2**20
    with sparse.open('rb') as file:
        file.seek(64 * 2**20)
        assert file.read(4) == b'end\0'


def test_it_leaves_nothing_behind_when_a_copy_is_stopped(root: Path) -> None:
    def stop() -> None:
        raise Cancelled('stop')

    with Tree(root) as tree, pytest.raises(Cancelled):
        tree.make_private(b'a/b/file', stop)
    assert [path.name for path in (root / 'a' / 'b').iterdir()] == ['file']


def test_it_links_a_further_name_in_place_of_what_was_there(root: Path) -> None:
    (root / 'other').write_text('replaced')
    with Tree(root) as tree:
        tree.link(b'a/b/file', b'other')
    assert (root / 'other').stat().st_ino == (root / 'a' / 'b' / 'file').stat().st_ino


def test_it_tells_the_kind_of_what_is_there(root: Path) -> None:
    with Tree(root) as tree:
        kinds = [tree.kind(path) for path in (b'a', b'a/b/file', b'a/fifo', b'a/escape', b'nothing', b'')]
    assert kinds == ['d', 'f', 'other', 'other', '', 'd']


def test_it_removes_a_tree_with_read_only_folders(tmp_path: Path) -> None:
    folder = tmp_path / 'gone'
    (folder / 'locked').mkdir(parents=True)
    (folder / 'locked' / 'file').touch()
    (folder / 'locked').chmod(0o555)
    remove_tree(folder)
    remove_tree(folder)
    assert not folder.exists()


@pytest.fixture
def ours_without_root() -> Iterator[Path]:
    """A folder of the user that the test goes on as, who is not root."""
    folder = Path(tempfile.mkdtemp(prefix='plumbus-tree-'))
    if IS_ROOT:
        os.chown(folder, NOBODY, NOBODY)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(os.getuid())
        os.setegid(os.getgid())
        for parent, folders, _ in os.walk(folder):
            for name in folders:
                os.chmod(Path(parent, name), 0o700)
        shutil.rmtree(folder)


def make_locked(folder: Path) -> None:
    """Folders that even their owner may not write, enter or list, with a file and a link out in each."""
    for mode in (0o555, 0o300, 0o600, 0o000):
        locked = folder / f'{mode:o}'
        (locked / 'inner').mkdir(parents=True)
        os.link(folder.parent / 'shared', locked / 'inner' / 'shared')
        (locked / 'out').symlink_to(folder.parent / 'target')
        (locked / 'inner').chmod(mode)
        locked.chmod(mode)


def test_it_removes_locked_folders_without_root_and_changes_nothing_else(ours_without_root: Path) -> None:
    ours = ours_without_root
    for name in ('shared', 'target'):
        (ours / name).write_text(name)
        (ours / name).chmod(0o444)
    (ours / 'tree').mkdir()
    make_locked(ours / 'tree')
    remove_tree(ours / 'tree')
    (ours / 'tree').mkdir()
    make_locked(ours / 'tree')
    with Tree(ours) as tree:
        tree.remove(b'tree')
    assert sorted(os.listdir(ours)) == ['shared', 'target']
    # The file belongs to an older snapshot as well, and the link leads anywhere.
    assert {stat.S_IMODE((ours / name).stat().st_mode) for name in ('shared', 'target')} == {0o444}


def test_it_removes_a_very_deep_folder(root: Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(root / 'a')
        for _ in range(1500):
            os.mkdir('d')
            os.chdir('d')
    finally:
        os.chdir(here)
    before = len(os.listdir('/proc/self/fd'))
    with Tree(root) as tree:
        tree.remove(b'a')
    assert list(root.iterdir()) == []
    assert len(os.listdir('/proc/self/fd')) == before


def test_it_leaves_no_descriptor_open(root: Path) -> None:
    before = len(os.listdir('/proc/self/fd'))
    with Tree(root) as tree:
        tree.lstat(b'a/b/file')
        tree.kind(b'a/escape/secret')
        tree.make_private(b'a/b/file', lambda: None)
        list(tree.entries(b'a'))
        tree.remove(b'a/b')
    assert len(os.listdir('/proc/self/fd')) == before


def test_it_makes_a_folder_without_a_trace_on_the_one_around_it(tmp_path: Path) -> None:
    around = tmp_path / 'around'
    around.mkdir(mode=0o550)
    os.utime(around, ns=(1_000, 2_000))
    with Tree(around) as tree:
        tree.make_folder_quietly(b'inside')
        tree.make_folder_quietly(b'inside')
    status = around.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime_ns) == (0o550, 2_000)
    assert (around / 'inside').is_dir()
    around.chmod(0o700)
