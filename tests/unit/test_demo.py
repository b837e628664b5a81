"""The checks of the demo can fail: each sees the difference that it is there for."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.demo import fingerprint_of, must
from scripts.demo_server import Mismatch, compared, fingerprint, free_port, regular_files
from tests.support.zoo import make_zoo

pytestmark = pytest.mark.skipif(not shutil.which('rsync'), reason='needs rsync')


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / 'tree'
    make_zoo(folder, root=False, unreadable=False)
    return folder


def edit(tree: Path) -> None:
    file = tree / 'contents' / 'text'
    before = file.stat()
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_a_copy(tree: Path) -> None:
    file = tree / 'contents' / 'text'
    shutil.copy2(file, file.with_name('copy'))
    file.with_name('copy').replace(file)
    os.utime(file.parent, (0, 0))


CHANGES: dict[str, Callable[[Path], None]] = {
    'bytes with the same size and time': edit,
    'mode': lambda tree: (tree / 'contents' / 'text').chmod(0o600),
    'time': lambda tree: os.utime(tree / 'contents' / 'text', (1, 1)),
    'time of a folder': lambda tree: os.utime(tree / 'contents', (1, 1)),
    'target of a link': lambda tree: (tree / 'links' / 'folder').rename(tree / 'links' / 'folders'),
    'missing': lambda tree: (tree / 'contents' / 'empty').unlink(),
    'too many': lambda tree: (tree / 'contents' / 'extra').touch(),
}


@pytest.mark.parametrize('name', CHANGES)
def test_it_sees_that_a_copy_differs(tree: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / 'copy'
    subprocess.run(['rsync', '-aHAX', f'{tree}/', f'{copy}/'], check=True, timeout=60)
    assert compared(tree, copy) == []
    CHANGES[name](tree)
    assert compared(tree, copy)


@pytest.mark.parametrize('name', [*CHANGES, 'inode'])
def test_it_sees_that_a_snapshot_was_touched(tree: Path, name: str) -> None:
    before = fingerprint(tree)
    assert fingerprint(tree) == before
    CHANGES.get(name, replace_by_a_copy)(tree)
    assert fingerprint(tree) != before


def test_it_counts_regular_files_alone(tree: Path) -> None:
    found = regular_files(tree)
    assert 'contents/empty' in found
    assert not {'special/fifo', 'links/dangling', 'contents'} & found.keys()


def test_it_passes_over_a_port_in_use() -> None:
    first = free_port(20_000)
    with socket.create_server(('127.0.0.1', first)):
        assert free_port(first) > first


def test_it_tells_a_mismatch() -> None:
    must(right=True, otherwise='never')
    with pytest.raises(Mismatch, match='two of three'):
        must(right=False, otherwise='two of three')


def test_it_knows_the_fingerprint_that_ssh_shows() -> None:
    line = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f'
    assert fingerprint_of([line]) == ['SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA']
