"""Guards refuse what would end badly, and say why."""

import os
import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from plumbus.backup.guards import MARKER, RoomGuard, StoreGuard, shrunk
from plumbus.errors import TransferFailed
from tests.support.marks import needs_root


def free_bytes(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def test_it_marks_a_new_store_and_knows_it_again(tmp_path: Path) -> None:
    StoreGuard(tmp_path / 'backups').prepare(holds_snapshots=False)
    marker = (tmp_path / 'backups' / MARKER).read_text()
    again = StoreGuard(tmp_path / 'backups')
    again.prepare(holds_snapshots=True)
    again.check()
    assert (tmp_path / 'backups' / MARKER).read_text() == marker


def test_it_refuses_a_store_whose_disk_is_missing(tmp_path: Path) -> None:
    (tmp_path / 'backups').mkdir()
    guard = StoreGuard(tmp_path / 'backups')
    guard.prepare(holds_snapshots=True)
    with pytest.raises(TransferFailed, match='not mounted') as refused:
        guard.check()
    assert refused.value.cause == 'data_missing'
    assert list((tmp_path / 'backups').iterdir()) == []


def test_it_refuses_when_the_disk_goes_away_while_it_runs(tmp_path: Path) -> None:
    guard = StoreGuard(tmp_path / 'backups')
    guard.prepare(holds_snapshots=False)
    (tmp_path / 'backups').rename(tmp_path / 'unmounted')
    with pytest.raises(TransferFailed):
        guard.check()
    (tmp_path / 'unmounted').rename(tmp_path / 'backups')
    guard.check()


@needs_root
@pytest.mark.parametrize('same', [True, False])
def test_it_knows_its_disk_again_by_what_the_marker_says(tmp_path: Path, same: bool) -> None:
    """A disk that is mounted again may have another number, as with btrfs."""
    store = tmp_path / 'backups'
    guard = StoreGuard(store)
    guard.prepare(holds_snapshots=False)
    marker = (store / MARKER).read_text()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', store], check=True)
    try:
        (store / MARKER).write_text(marker if same else '')
        with nullcontext() if same else pytest.raises(TransferFailed):
            guard.check()
    finally:
        subprocess.run(['umount', store], check=True)


def test_it_lets_through_what_fits(tmp_path: Path) -> None:
    RoomGuard(tmp_path, 0).check(free_bytes(tmp_path) // 2, 10)


def test_it_refuses_what_does_not_fit_beside_the_reserve(tmp_path: Path) -> None:
    with pytest.raises(TransferFailed, match='too full') as refused:
        RoomGuard(tmp_path, 0).check(free_bytes(tmp_path) * 2, 10)
    assert refused.value.cause == 'no_room'
    with pytest.raises(TransferFailed, match='reserve'):
        RoomGuard(tmp_path, 90).check(free_bytes(tmp_path) - 10**6, 10)


def test_it_refuses_more_files_than_there_are_inodes(tmp_path: Path) -> None:
    if not os.statvfs(tmp_path).f_files:  # btrfs makes inodes as they are needed
        RoomGuard(tmp_path, 0).check(0, 10**9)
        return
    with pytest.raises(TransferFailed) as refused:
        RoomGuard(tmp_path, 0).check(0, os.statvfs(tmp_path).f_favail + 1)
    assert refused.value.cause == 'no_inodes'


def test_it_stops_a_transfer_that_eats_up_the_reserve(tmp_path: Path) -> None:
    RoomGuard(tmp_path, 0).look()
    status = os.statvfs(tmp_path)
    too_much = 250 * status.f_bavail / status.f_blocks
    with pytest.raises(TransferFailed, match='ran full'):
        RoomGuard(tmp_path, too_much).look()


@pytest.mark.parametrize(
    ('files', 'total', 'before', 'percent', 'suspicious'),
    [
        (100, 1000, {'file_count': 100, 'size_bytes': 1000}, 50, False),
        (51, 1000, {'file_count': 100, 'size_bytes': 1000}, 50, False),
        (49, 1000, {'file_count': 100, 'size_bytes': 1000}, 50, True),
        (100, 499, {'file_count': 100, 'size_bytes': 1000}, 50, True),
        (100, 499, {'file_count': 100, 'size_bytes': 1000}, 60, False),
        (0, 0, {'file_count': 100, 'size_bytes': 1000}, 0, False),
        (0, 0, {'file_count': 1, 'size_bytes': 1}, 50, True),
        (1, 1, {'file_count': 9, 'size_bytes': 1000}, 50, False),
        (0, 0, {}, 50, False),
        (0, 0, {'file_count': 0, 'size_bytes': 0}, 50, False),
    ],
)
def test_it_notices_a_source_that_shrank(
    files: int, total: int, before: dict[str, int], percent: int, suspicious: bool
) -> None:
    assert (shrunk(files, total, before, percent) is not None) is suspicious


def test_it_says_what_to_do_about_a_shrunk_source() -> None:
    told = str(shrunk(3, 10, {'file_count': 1234, 'size_bytes': 5_000_000}, 50))
    assert '1,234 files (5.0 MB) to 3 (10 Bytes)' in told
    assert 'Look whether' in told
