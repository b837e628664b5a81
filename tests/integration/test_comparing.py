"""Real backups compared: the difference is what was done on the client in between."""

import os
from pathlib import Path

from plumbus.engine import Engine
from tests.support.engines import back_up, job_for, write
from tests.support.sshd import Sshd


def test_it_finds_a_days_work(engine: Engine, sshd: Sshd, zoo: Path) -> None:
    job = job_for(engine, sshd, zoo)
    first = back_up(engine, job.id)
    same = engine.backups.diff(back_up(engine, job.id).id, first.id)
    assert (same.added, same.removed, same.changed) == ([], [], [])
    assert same.summary.unchanged > 100

    write(zoo / 'contents' / 'text', 'another\n', sshd)
    write(zoo / 'new\nfile', 'new', sshd)
    (zoo / 'contents' / 'empty').unlink()
    (zoo / 'attributes' / 'acl file').chmod(0o600)
    os.utime(zoo / 'contents' / 'binary', (1, 1))
    last = back_up(engine, job.id)

    found = engine.backups.diff(last.id, first.id, str(zoo))
    assert [file.path for file in found.added] == [f'{zoo}/new\nfile']
    assert [file.path for file in found.removed] == [f'{zoo}/contents/empty']
    assert {Path(change.path).name: change.what for change in found.changed} == {
        'text': ['content', 'size', 'modified'],
        'acl file': ['mode'],
        'binary': ['modified'],
    }
    below = engine.backups.diff(last.id, first.id, f'{zoo}/contents')
    assert (below.summary.added, below.summary.removed, below.summary.changed) == (0, 1, 2)
    told = engine.backups.text_diff(last.id, first.id, f'{zoo}/contents/text')
    assert '+another' in told.diff.splitlines()


def test_it_lists_every_version_of_a_file(engine: Engine, sshd: Sshd, zoo: Path) -> None:
    job, text = job_for(engine, sshd, zoo), zoo / 'contents' / 'text'
    before = text.stat()
    backups = [back_up(engine, job.id), back_up(engine, job.id)]
    write(text, 'another', sshd)
    backups.append(back_up(engine, job.id))
    text.chmod(0o600)  # the same content in an inode of its own
    backups.append(back_up(engine, job.id))
    write(text, 'some text\n' * 100, sshd)
    os.utime(text, ns=(before.st_atime_ns, before.st_mtime_ns))
    backups.append(back_up(engine, job.id))
    ids = [backup.id for backup in backups]

    found = engine.backups.versions(job.id, str(text))

    assert [one.backup_ids for one in found] == [[ids[0], ids[1], ids[4]], [ids[2], ids[3]]]
    assert (found[0].first_seen, found[0].last_seen) == (backups[0].start_time, backups[4].start_time)
    assert [one.size for one in found] == [1000, 7]
    assert len({one.checksum for one in found} - {None}) == 2

    engine.backups.delete(ids[0])
    assert engine.backups.versions(job.id, str(text))[0].backup_ids == [ids[1], ids[4]]
