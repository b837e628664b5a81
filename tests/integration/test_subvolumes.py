"""A data folder on btrfs: snapshots are subvolumes. What holds elsewhere holds there too, and an unchanged run costs nothing."""

import errno
import mmap
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from plumbus.backup import subvolumes, versions
from plumbus.backup.manifest import read_manifest
from plumbus.backup.snapshots import TIME_NAME, Snapshot
from plumbus.cancellation import Cancellation
from plumbus.engine import Engine
from plumbus.model import Backup, JobView, Status
from tests.integration.test_resume import interrupt
from tests.integration.test_verify import flip, verified
from tests.support.btrfs import btrfs, used
from tests.support.engines import back_up, copy_of, restored, running_engine, tree_of, until
from tests.support.facts import facts, same, unchanged
from tests.support.marks import needs_root
from tests.support.near import Near, near_clients
from tests.support.truth import untruths
from tests.support.unprivileged import AS_NOBODY, ENVIRONMENT, NOBODY, python_for_nobody
from tests.support.zoo import make_zoo
from tests.unit.test_prune import AS_SOMEBODY

pytestmark = needs_root
MEBIBYTE = 2**20
PROBE = """
import sys
from pathlib import Path
from plumbus.backup.capabilities import probe_file_system
print(probe_file_system(Path(sys.argv[1])).subvolumes)
"""


@pytest.fixture(scope='module')
def disk() -> Iterator[Path]:
    """Where nobody may go too; the folders of pytest are closed."""
    with tempfile.TemporaryDirectory(prefix='plumbus-btrfs-') as name:
        Path(name).chmod(0o711)
        with btrfs(Path(name)) as place:
            yield place


@pytest.fixture
def place(disk: Path) -> Path:
    """A folder on that disk for one test."""
    return Path(tempfile.mkdtemp(dir=disk))


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Near]:
    with near_clients(tmp_path) as clients:
        yield clients


@pytest.fixture
def engine(place: Path, near: Near) -> Iterator[Engine]:
    with running_engine(place / 'data') as running:
        running.clients.create({'name': 'near', 'host': 'localhost', 'username': 'root'})
        yield running


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / 'source'
    folder.mkdir()
    return folder


def job_of(engine: Engine, source: Path) -> JobView:
    fields = {'source_paths': [str(source)], 'retries': 0, 'shrink_warning_percent': 0}
    return engine.jobs.create({'client_id': engine.clients.all()[0].id, 'name': 'job', **fields})


def whole(engine: Engine, job: JobView, source: Path) -> Backup:
    """Back up and return the backup, whose snapshot is a subvolume and like the source."""
    backup = back_up(engine, job.id)
    assert (backup.status, backup.error_message, backup.warnings) == (Status.COMPLETED, None, [])
    assert subvolumes.is_subvolume(tree_of(engine, backup))
    assert same(facts(source), facts(copy_of(engine, backup, source))) == []
    folder = tree_of(engine, backup).parent
    assert sorted(path.name for path in folder.iterdir()) == ['backup.json', 'manifest.msgpack.zst', 'tree']
    until(lambda: all(TIME_NAME.fullmatch(path.name) for path in folder.parent.iterdir()), 'the removal')
    return backup


def without_subvolumes(engine: Engine, *, there: bool = False) -> None:
    runner = engine._runners.backup
    runner.disk = replace(runner.disk, subvolumes=there)


def test_a_snapshot_is_a_subvolume_and_nobody_can_write_to_it(engine: Engine, source: Path) -> None:
    zoo = source / 'zoo'
    make_zoo(zoo, root=True)
    job = job_of(engine, source)
    first = whole(engine, job, source)
    before = facts(tree_of(engine, first))
    (zoo / 'contents' / 'text').write_text('another text')
    (zoo / 'contents' / 'empty').chmod(0o600)
    (zoo / 'hard' / 'leader').chmod(0o640)
    os.setxattr(zoo / 'attributes' / 'file', 'user.note', b'changed')
    subprocess.run(['rm', '-r', zoo / 'times'], check=True)
    (zoo / 'times').symlink_to('/etc')
    second, third = whole(engine, job, source), whole(engine, job, source)
    assert unchanged(before, facts(tree_of(engine, first))) == []
    assert (third.new_files, third.changed_files, third.transferred_bytes, third.disk_bytes) == (0, 0, 0, 0)
    assert second.disk_bytes == len('another text')
    for backup in (first, second, third):
        assert verified(engine, backup).verify_status == 'ok'
        for attempt in (
            lambda at: (at / 'new').touch(),
            os.utime,
            lambda at: os.truncate(at / 'contents' / 'text', 0),
        ):
            with pytest.raises(OSError, match='Read-only') as caught:
                attempt(copy_of(engine, backup, zoo))
            assert caught.value.errno == errno.EROFS
    assert untruths(engine) == []


def test_a_run_costs_what_changed_and_not_what_is_there(engine: Engine, source: Path, disk: Path) -> None:
    for number in range(3000):
        (source / f'file {number}').write_text('x')
    job = job_of(engine, source)
    back_up(engine, job.id)
    before = used(disk)
    whole(engine, job, source)
    assert used(disk) - before < MEBIBYTE // 2


@pytest.mark.parametrize('earlier', [0, 1])
def test_what_an_interrupted_run_has_fetched_is_not_fetched_again(
    engine: Engine, source: Path, earlier: int
) -> None:
    job = job_of(engine, source)
    for number in range(20):
        (source / f'a{number:02}').write_text(f'small {number}')
    kept = [facts(tree_of(engine, whole(engine, job, source))) for _ in range(earlier)]
    (source / 'b').write_bytes(os.urandom(MEBIBYTE // 2))
    (source / 'z').write_bytes(os.urandom(3 * MEBIBYTE))
    interrupt(engine, job, MEBIBYTE)
    (source / 'a03').chmod(0o600)
    backup = whole(engine, job, source)
    assert backup.transferred_bytes < 2.7 * MEBIBYTE
    manifest = Snapshot(tree_of(engine, backup).parent).manifest
    assert all(entry.checksum for entry in read_manifest(manifest) if entry.kind == 'f')
    older = [tree_of(engine, one) for one in engine.backups.page(status='completed').items[1:]]
    assert [facts(tree) for tree in older] == kept
    assert untruths(engine) == []


def test_a_damaged_file_is_not_taken_over_from_an_interrupted_run(engine: Engine, source: Path) -> None:
    for name in ('a', 'z'):
        (source / name).write_bytes(os.urandom(3 * MEBIBYTE))
    job = job_of(engine, source)
    first = whole(engine, job, source)
    tree = tree_of(engine, first)
    subvolumes.reopen(tree)
    flip(copy_of(engine, first, source) / 'a')
    subvolumes.close(tree)
    (source / 'z').write_bytes(os.urandom(3 * MEBIBYTE))
    interrupt(engine, job, MEBIBYTE)
    assert verified(engine, first).error_count == 1
    whole(engine, job, source)


@pytest.mark.parametrize('earlier', [0, 1])
def test_it_may_be_cut_off_between_closing_a_tree_and_naming_it(
    engine: Engine, source: Path, monkeypatch: pytest.MonkeyPatch, earlier: int
) -> None:
    job = job_of(engine, source)
    for _ in range(earlier):
        whole(engine, job, source)
    (source / 'file').write_text('text')
    rename = Path.rename

    def dying(path: Path, target: Path) -> Path:
        if TIME_NAME.fullmatch(target.name):
            (path / 'begun').write_text(
                f'real {"shared" if earlier else "alone"}\n'
            )  # as if its removal were to come
            raise OSError(errno.EIO, 'Input/output error')
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, 'rename', dying)
        assert back_up(engine, job.id).status is Status.FAILED
    assert whole(engine, job, source).transferred_bytes == 0
    assert untruths(engine) == []


def test_what_is_deleted_goes_as_a_whole(engine: Engine, source: Path, disk: Path) -> None:
    (source / 'file').write_text('text')
    job = job_of(engine, source)
    first, second = whole(engine, job, source), whole(engine, job, source)
    engine.backups.delete(first.id)
    snapshots = engine.backups.snapshots
    until(lambda: not snapshots.taken_away(), 'the removal')
    assert same(facts(source), facts(copy_of(engine, second, source))) == []
    engine.jobs.delete(job.id, delete_data=True)
    until(lambda: not snapshots.taken_away(), 'the removal of all')
    told = subprocess.run(['btrfs', 'subvolume', 'list', disk], capture_output=True, text=True, check=True)
    assert str(snapshots.root.relative_to(disk)) not in told.stdout


def test_a_link_in_place_of_a_tree_leads_nowhere(engine: Engine, place: Path) -> None:
    elsewhere = place / 'elsewhere'
    subvolumes.create(elsewhere)
    snapshots = engine.backups.snapshots
    doomed = snapshots.root / 'c-1' / 'j-1' / '.deleting-2026-11-23T020000Z'
    doomed.mkdir(parents=True)
    (doomed / 'tree').symlink_to(elsewhere)
    engine._housekeeping.sweeper.sweep(Cancellation())
    assert not doomed.exists()
    assert subvolumes.is_subvolume(elsewhere)


def test_a_user_who_may_not_delete_subvolumes_removes_what_is_in_them(place: Path) -> None:
    python = python_for_nobody()
    assert python is not None
    tree = place / 'backups' / 'c-1' / 'j-1' / '.deleting-incomplete' / 'tree'
    tree.parent.mkdir(parents=True)
    subvolumes.create(tree)
    (tree / 'closed').mkdir(mode=0o500)
    (tree / 'closed' / 'file').touch()
    subprocess.run(['chown', '-hR', f'{NOBODY}:{NOBODY}', place], check=True)
    subvolumes.close(tree)

    def as_nobody(code: str, argument: Path) -> str:
        return subprocess.run(
            [*AS_NOBODY, python, '-c', code, argument], cwd='/', env={**os.environ, **ENVIRONMENT},
            check=True, timeout=60, capture_output=True, text=True,
        ).stdout  # fmt: skip

    assert as_nobody(PROBE, place / 'backups') == 'True\n'
    as_nobody(AS_SOMEBODY, place)
    assert list(tree.parents[1].iterdir()) == []


def test_a_job_changes_over_from_hard_links_and_back(engine: Engine, source: Path) -> None:
    make_zoo(source / 'zoo', root=True)
    job = job_of(engine, source)
    without_subvolumes(engine)
    linked = back_up(engine, job.id)
    assert not subvolumes.is_subvolume(tree_of(engine, linked))
    before = facts(tree_of(engine, linked))
    without_subvolumes(engine, there=True)
    (source / 'new').write_text('new')
    first, second = whole(engine, job, source), whole(engine, job, source)
    assert (first.transferred_bytes, first.disk_bytes, second.disk_bytes) == (3, 3, 0)
    without_subvolumes(engine)
    again = [back_up(engine, job.id) for _ in range(2)]
    assert [one.status for one in again] == [Status.COMPLETED, Status.COMPLETED]
    assert [one.transferred_bytes for one in again] == [0, 0]
    assert same(facts(source), facts(copy_of(engine, again[1], source))) == []
    assert unchanged(before, facts(tree_of(engine, linked))) == []
    assert untruths(engine) == []


def spoil(disk: Path, content: bytes) -> None:
    """Let the disk lose a bit of a file, below the file system."""
    subprocess.run(['sync', '--file-system', disk], check=True)
    image = disk.parent / 'image'
    with image.open('r+b') as file, mmap.mmap(file.fileno(), 0) as memory:
        place = memory.find(content[:4096])
        assert place > 0
        memory[place] ^= 1
        memory.flush()


def test_a_damaged_block_is_told_of_all_that_share_it_and_not_handed_on(
    engine: Engine, source: Path, disk: Path
) -> None:
    content = os.urandom(200_000)
    (source / 'file').write_bytes(b'before')
    job = job_of(engine, source)
    before = whole(engine, job, source)
    (source / 'file').write_bytes(content)
    shared = [whole(engine, job, source) for _ in range(3)]
    spoil(disk, content)
    verification = verified(engine, shared[1])
    assert verification.shared_with == [shared[0].id, shared[2].id]
    assert [engine.backups.get(one.id).verify_status for one in shared] == ['damaged'] * 3
    assert verified(engine, before).verify_status == 'ok'
    mended = whole(engine, job, source)
    assert mended.transferred_bytes == len(content)
    assert verified(engine, mended).verify_status == 'ok'


def test_what_somebody_changed_in_one_snapshot_is_told_of_that_alone(engine: Engine, source: Path) -> None:
    for name in ('content', 'mode'):
        (source / name).write_bytes(os.urandom(10_000))
    job = job_of(engine, source)
    backups = [whole(engine, job, source) for _ in range(3)]
    copy = copy_of(engine, backups[1], source)
    subvolumes.reopen(tree_of(engine, backups[1]))
    with (copy / 'content').open('r+b') as file:
        file.write(b'other')
    (copy / 'mode').chmod(0o777)
    verification = verified(engine, backups[1])
    assert (verification.error_count, verification.shared_with) == (2, [])


def test_it_knows_versions_without_a_look_into_each_manifest(
    engine: Engine, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / 'file').write_text('one')
    job = job_of(engine, source)
    first = [whole(engine, job, source).id for _ in range(3)]
    (source / 'file').write_text('two')
    second = [whole(engine, job, source).id for _ in range(2)]
    looked, look = [], versions._entry
    monkeypatch.setattr(versions, '_entry', lambda *of: looked.append(of) or look(*of))
    found = engine.backups.versions(job.id, str(source / 'file'))
    assert [one.backup_ids for one in found] == [second, first]
    assert len(looked) == 2


def test_a_restore_brings_all_of_it_back(engine: Engine, source: Path, tmp_path: Path) -> None:
    make_zoo(source / 'zoo', root=True)
    backup = whole(engine, job_of(engine, source), source)
    restore = restored(engine, backup.id, restore_path=str(tmp_path / 'there'))
    assert restore.status is Status.COMPLETED
    assert same(facts(source), facts(tmp_path / 'there' / str(source)[1:])) == []
    assert engine.system.storage()['file_system']['subvolumes']
