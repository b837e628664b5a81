"""A later run lists only what differs, as long as that is sure to be all; else every file."""

import json
import os
from pathlib import Path

import pytest

from plumbus.backup import scanning
from plumbus.backup.manifest import Entry, read_manifest
from plumbus.engine import Engine
from plumbus.model import Backup, Job, Status
from tests.support.engines import back_up, copy_of, differences, job_for, write
from tests.support.marks import needs_root
from tests.support.sshd import IS_ROOT, Sshd
from tests.support.zoo import give, make_many

NOT_SURE = 'what differs could not be told for sure'


@pytest.fixture
def job(engine: Engine, sshd: Sshd, source: Path) -> Job:
    """A job with three hundred files, backed up once."""
    make_many(source / 'many', 300)
    if IS_ROOT:
        give(source, *sshd.ids)
    made = job_for(engine, sshd, source)
    back_up(engine, made.id)
    return made


def folder_of(engine: Engine, backup: Backup) -> Path:
    return engine.settings.data_dir / str(backup.backup_path)


def manifest_of(engine: Engine, backup: Backup) -> Path:
    return folder_of(engine, backup) / 'manifest.msgpack.zst'


def entries_of(engine: Engine, backup: Backup) -> dict[bytes, Entry]:
    return {entry.path: entry for entry in read_manifest(manifest_of(engine, backup))}


def listing_of(engine: Engine, backup: Backup) -> dict[str, int] | None:
    listing: dict[str, int] | None = json.loads((folder_of(engine, backup) / 'backup.json').read_text())[
        'listing'
    ]
    return listing


def log_of(engine: Engine, backup: Backup) -> str:
    return '\n'.join(engine.backups.log_tail(backup.id))


def edit(source: Path, sshd: Sshd) -> None:
    """Something new, something changed, something gone, and a folder in the place of a file."""
    files = sorted(path for path in (source / 'many').rglob('*') if path.is_file())
    files[0].unlink()
    files[1].unlink()
    files[1].mkdir()
    write(files[1] / 'in it', 'new', sshd)
    files[2].write_text('changed')
    files[3].chmod(0o600)
    write(source / 'new', 'new', sshd)
    if IS_ROOT:
        give(source, *sshd.ids)


def test_the_list_of_a_day_is_the_one_that_a_whole_listing_gives(
    engine: Engine, sshd: Sshd, source: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(source, sshd)
    by_differences = back_up(engine, job.id)
    assert differences(source, copy_of(engine, by_differences, source)) == ''
    assert NOT_SURE not in log_of(engine, by_differences)
    assert by_differences.new_files == 2
    with monkeypatch.context() as patched:
        patched.setattr(scanning, 'LISTED_ANEW_S', 0)
        in_full = back_up(engine, job.id)
    assert (in_full.new_files, in_full.changed_files, in_full.deleted_files) == (0, 0, 0)
    bare = [
        [entry._replace(stored=False) for entry in entries_of(engine, backup).values()]
        for backup in (by_differences, in_full)
    ]
    assert bare[0] == bare[1]


def test_a_run_without_changes_shares_the_list_of_the_last_one(engine: Engine, job: Job) -> None:
    second, third = back_up(engine, job.id), back_up(engine, job.id)
    assert manifest_of(engine, second).samefile(manifest_of(engine, third))
    assert (third.file_count, third.size_bytes, third.disk_bytes) == (second.file_count, second.size_bytes, 0)


def test_everything_is_listed_again_after_a_week(
    engine: Engine, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = back_up(engine, job.id)
    known = listing_of(engine, first)
    assert known
    second = back_up(engine, job.id)
    assert listing_of(engine, second) == known
    monkeypatch.setattr(scanning, 'LISTED_ANEW_S', 0)
    third = back_up(engine, job.id)
    listing = listing_of(engine, third)
    assert listing
    assert listing['since'] > known['since']


def test_a_list_that_lacks_something_is_found_out_and_made_anew(
    engine: Engine, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = scanning.read_manifest
    lost = next(
        path for path, entry in entries_of(engine, back_up(engine, job.id)).items() if entry.kind == 'f'
    )
    monkeypatch.setattr(
        scanning, 'read_manifest', lambda path: (entry for entry in real(path) if entry.path != lost)
    )
    backup = back_up(engine, job.id)
    assert NOT_SURE in log_of(engine, backup)
    assert backup.status is Status.COMPLETED
    assert lost in entries_of(engine, backup)


def test_hard_links_are_told_of_by_a_whole_listing_only(
    engine: Engine, sshd: Sshd, source: Path, job: Job
) -> None:
    write(source / 'one', 'content', sshd)
    os.link(source / 'one', source / 'two')
    linked = back_up(engine, job.id)
    assert NOT_SURE in log_of(engine, linked)
    assert listing_of(engine, linked) is None
    content = (source / 'two').read_bytes()
    status = (source / 'two').stat()
    (source / 'two').unlink()
    write(source / 'two', content.decode(), sshd)
    os.utime(source / 'two', ns=(status.st_atime_ns, status.st_mtime_ns))
    apart = back_up(engine, job.id)
    assert differences(source, copy_of(engine, apart, source)) == ''
    copy = copy_of(engine, apart, source)
    assert not (copy / 'one').samefile(copy / 'two')


@needs_root
def test_what_cannot_be_read_is_told_and_not_taken_for_gone_from_a_list_of_differences(
    engine: Engine, sshd: Sshd, source: Path, job: Job
) -> None:
    write(source / 'open', 'to all', sshd)
    back_up(engine, job.id)
    hidden = source / 'many' / min(os.listdir(source / 'many'))
    hidden.chmod(0)
    os.chown(hidden, 0, 0)
    backup = back_up(engine, job.id)
    assert backup.status is Status.WARNING, log_of(engine, backup)
    assert any(hidden.name in warning for warning in backup.warnings)
    assert listing_of(engine, backup) is None
    again = back_up(engine, job.id)
    assert NOT_SURE not in log_of(engine, again)
    assert again.status is Status.WARNING
