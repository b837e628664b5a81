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
