"""Backups of a real machine: complete, cheap when nothing changed, and never touching what was kept before."""

import os
import shutil
from pathlib import Path

from plumbus.backup.manifest import read_manifest
from plumbus.engine import Engine
from plumbus.model import Status
from tests.support.engines import back_up, copy_of, differences, job_for, state_of, tree_of, write
from tests.support.marks import needs_root
from tests.support.sshd import IS_ROOT, Sshd
from tests.support.zoo import give, make_many, make_zoo


def test_it_copies_a_zoo_of_files_identically(engine: Engine, sshd: Sshd, zoo: Path) -> None:
    backup = back_up(engine, job_for(engine, sshd, zoo).id)
    assert (backup.status, backup.error_message) == (Status.COMPLETED, None)
    assert differences(zoo, copy_of(engine, backup, zoo)) == ''


@needs_root
def test_it_copies_what_only_root_can_read(engine: Engine, sshd: Sshd, source: Path) -> None:
    make_zoo(source, root=True)
    with sshd.sudo_allowed():
        backup = back_up(engine, job_for(engine, sshd, source, client={'use_sudo': True}).id)
    assert (backup.status, backup.warnings) == (Status.COMPLETED, [])
    assert differences(source, copy_of(engine, backup, source)) == ''


def test_it_copies_ten_thousand_files_and_stores_nothing_twice(engine: Engine, sshd: Sshd, zoo: Path) -> None:
    make_many(zoo / 'many', 10_000)
    if IS_ROOT:
        give(zoo / 'many', *sshd.ids)
    job = job_for(engine, sshd, zoo)
    first = back_up(engine, job.id)
    assert differences(zoo, copy_of(engine, first, zoo)) == ''
    before = state_of(tree_of(engine, first))

    second = back_up(engine, job.id)

    assert second.status is Status.COMPLETED
    assert (
        second.transferred_bytes,
        second.disk_bytes,
        second.new_files,
        second.changed_files,
        second.deleted_files,
    ) == (0, 0, 0, 0, 0)
    assert (second.file_count, second.size_bytes) == (first.file_count, first.size_bytes)
    assert state_of(tree_of(engine, first)) == before
    assert differences(zoo, copy_of(engine, second, zoo)) == ''
    first_files, second_files = files_below(tree_of(engine, first)), files_below(tree_of(engine, second))
    assert first_files == second_files
    assert len(first_files) > 10_000


def files_below(tree: Path) -> dict[bytes, int]:
    """Inode of everything that is no folder."""
    root = os.fsencode(tree)
    return {
        os.path.relpath(os.path.join(folder, name), root): os.lstat(os.path.join(folder, name)).st_ino
        for folder, _, files in os.walk(root)
        for name in files
    }


def edit_everything(zoo: Path, sshd: Sshd) -> None:
    """A day on the client: edits, new files, deletions, renames, attribute changes, links that come and go, type changes."""
    write(zoo / 'contents' / 'text', 'another text', sshd)
    write(zoo / 'new file', 'new', sshd)
    (zoo / 'contents' / 'empty').chmod(0o600)
    os.setxattr(zoo / 'attributes' / 'file', 'user.note', b'changed')
    (zoo / 'hard' / 'leader').chmod(0o640)
    os.link(zoo / 'contents' / 'text', zoo / 'contents' / 'second name')
    shutil.rmtree(zoo / 'times')
    (zoo / 'times').symlink_to('/etc')
    (zoo / 'links' / 'folder').unlink()
    (zoo / 'links' / 'folder').mkdir()
    write(zoo / 'links' / 'folder' / 'hostname', 'mine', sshd)
    os.lchown(zoo / 'times', *sshd.ids)
    os.chown(zoo / 'links' / 'folder', *sshd.ids)


def test_it_follows_every_kind_of_change_and_leaves_the_first_snapshot_alone(
    engine: Engine, sshd: Sshd, zoo: Path
) -> None:
    job = job_for(engine, sshd, zoo)
    first = back_up(engine, job.id)
    before = state_of(tree_of(engine, first))
    edit_everything(zoo, sshd)

    second = back_up(engine, job.id)

    assert (second.status, second.error_message) == (Status.COMPLETED, None)
    assert differences(zoo, copy_of(engine, second, zoo)) == ''
    assert state_of(tree_of(engine, first)) == before
    assert second.new_files
    assert second.changed_files
    assert second.deleted_files


def test_it_moves_only_what_changed(engine: Engine, sshd: Sshd, source: Path) -> None:
    (source / 'big').write_bytes(os.urandom(8 * 2**20))
    write(source / 'small', 'one', sshd)
    job = job_for(engine, sshd, source)
    back_up(engine, job.id)
    with (source / 'big').open('r+b') as file:
        file.seek(2**20)
        file.write(b'changed in the middle')
    write(source / 'added', 'more', sshd)

    second = back_up(engine, job.id)

    assert differences(source, copy_of(engine, second, source)) == ''
    assert (second.new_files, second.changed_files, second.deleted_files) == (1, 1, 0)
    assert second.transferred_bytes < 200_000
    assert 8 * 2**20 <= second.disk_bytes < 8 * 2**20 + 100


def test_it_notes_a_checksum_for_every_file(engine: Engine, sshd: Sshd, zoo: Path) -> None:
    job = job_for(engine, sshd, zoo)
    back_up(engine, job.id)
    second = back_up(engine, job.id)
    manifest = engine.settings.data_dir / str(second.backup_path) / 'manifest.msgpack.zst'
    entries = list(read_manifest(manifest))
    files = [entry for entry in entries if entry.kind == 'f' and not entry.linked]
    assert files
    assert [entry.path for entry in files if not entry.checksum] == []
    assert {entry.algorithm for entry in files} <= {'xxh128', 'xxh3', 'xxh64', 'md5'}


def test_it_takes_several_sources_and_lets_go_of_a_dropped_one(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    for name in ('one', 'two'):
        (source / name).mkdir()
        write(source / name / 'file', name, sshd)
    job = job_for(engine, sshd, source / 'one', source / 'two')
    first = back_up(engine, job.id)
    engine.jobs.update(job.id, {'source_paths': [str(source / 'two')]})

    second = back_up(engine, job.id)

    assert sorted(path.name for path in copy_of(engine, first, source).iterdir()) == ['one', 'two']
    assert [path.name for path in copy_of(engine, second, source).iterdir()] == ['two']
    assert second.deleted_files == 1


def test_it_leaves_out_what_is_excluded(engine: Engine, sshd: Sshd, source: Path) -> None:
    for name in ('keep', 'drop.tmp', '- odd'):
        write(source / name, name, sshd)
    job = job_for(engine, sshd, source)
    back_up(engine, job.id)
    engine.jobs.update(job.id, {'excludes': ['*.tmp', '- odd']})
    second = back_up(engine, job.id)
    assert [path.name for path in copy_of(engine, second, source).iterdir()] == ['keep']


@needs_root
def test_it_warns_of_files_that_cannot_be_read_and_keeps_no_stale_copy(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    write(source / 'open', 'open', sshd)
    write(source / 'closed', 'was readable', sshd)
    job = job_for(engine, sshd, source)
    back_up(engine, job.id)
    (source / 'closed').write_text('a secret of another size')
    (source / 'closed').chmod(0o600)
    os.chown(source / 'closed', 0, 0)

    second = back_up(engine, job.id)

    assert second.status is Status.WARNING
    assert any('closed' in warning for warning in second.warnings)
    assert [path.name for path in copy_of(engine, second, source).iterdir()] == ['open']
    third = back_up(engine, job.id)
    assert third.status is Status.WARNING


def test_it_writes_a_log_that_tells_what_happened(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file\nwith\x1b[31m newline', 'x', sshd)
    backup = back_up(engine, job_for(engine, sshd, source).id)
    log = b''.join(engine.backups.log(backup.id)).decode()
    assert 'scan: 1 files' in log
    assert '>f+++++++++' in log
    assert '\x1b' not in log
    assert 'done: 1 files' in log


def test_it_describes_the_snapshot_beside_its_tree(engine: Engine, sshd: Sshd, source: Path) -> None:
    write(source / 'file', 'x', sshd)
    job = job_for(engine, sshd, source)
    backup = back_up(engine, job.id)
    snapshot = engine.backups.snapshots.at(backup.backup_path)
    told = snapshot.description()
    assert told['backup']['id'] == backup.id
    assert told['backup']['status'] == 'completed'
    assert told['job']['source_paths'] == [str(source)]
    assert told['client']['host'] == sshd.host


def test_it_runs_the_commands_before_and_after(engine: Engine, sshd: Sshd, source: Path) -> None:
    job = job_for(
        engine,
        sshd,
        source,
        pre_command=f'echo made > {source}/by-pre; echo told',
        post_command=f'rm {source}/by-pre',
    )
    backup = back_up(engine, job.id)
    assert backup.status is Status.COMPLETED
    assert (copy_of(engine, backup, source) / 'by-pre').read_text() == 'made\n'
    assert not (source / 'by-pre').exists()
    assert any('told' in line for line in engine.backups.log_tail(backup.id))


def test_it_fails_when_the_command_before_fails_and_runs_the_one_after(
    engine: Engine, sshd: Sshd, source: Path
) -> None:
    job = job_for(engine, sshd, source, pre_command='exit 3', post_command=f'touch {source}/by-post')
    backup = back_up(engine, job.id)
    assert backup.status is Status.FAILED
    assert 'exit code 3' in str(backup.error_message)
    assert (source / 'by-post').exists()
