"""Searching real backups: found as soon as they are done, gone with them, and back after the index was lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from plumbus.backup import resting
from plumbus.backup.manifest import Entry, read_manifest
from plumbus.engine import Engine
from plumbus.services import indexing
from tests.support.engines import back_up, job_for, running_engine, until, write
from tests.support.sshd import Sshd


def found(engine: Engine, text: str, **scope: int) -> list[tuple[str, int, int]]:
    """Paths with their first and last backup, when the index knows all."""
    told = until(lambda: (one := engine.search.find(text, **scope)).complete and one, 'The index')
    return [(one.path, one.first_backup_id, one.last_backup_id) for one in told.results]


def test_backups_are_searched_until_they_are_removed(sshd: Sshd, source: Path, tmp_path: Path) -> None:
    with running_engine(tmp_path / 'data') as engine:
        job = job_for(engine, sshd, source)
        write(source / 'Notes.txt', 'one', sshd)
        (source / 'caf\udce9').touch()
        first = back_up(engine, job.id)
        write(source / 'more notes', 'two', sshd)
        (source / 'Notes.txt').unlink()
        second = back_up(engine, job.id)

        assert found(engine, 'notes') == [
            (f'{source}/Notes.txt', first.id, first.id), (f'{source}/more notes', second.id, second.id),
        ]  # fmt: skip
        assert found(engine, 'caf*') == [(f'{source}/caf\\#351', first.id, second.id)]
        assert found(engine, 'notes', backup_id=second.id) == [(f'{source}/more notes', second.id, second.id)]
        assert found(engine, 'notes', job_id=job.id + 1) == []
        engine.backups.delete(first.id)
        assert found(engine, 'notes') == [(f'{source}/more notes', second.id, second.id)]

    for left in (tmp_path / 'data' / 'index').iterdir():
        left.write_bytes(b'damaged')
    with running_engine(tmp_path / 'data') as engine:
        assert found(engine, 'notes') == [(f'{source}/more notes', second.id, second.id)]
        (tmp_path / 'data' / str(second.backup_path) / 'manifest.msgpack.zst').write_bytes(b'damaged')
        third = back_up(engine, job.id)
        assert found(engine, 'notes')[0][2] in {second.id, third.id}


def test_what_is_found_is_the_same_from_changes_alone_as_from_whole_lists(
    sshd: Sshd, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resting, 'LEAST_BYTES', 0)
    monkeypatch.setattr(resting, 'SHARE', 99)
    whole: list[Path] = []

    def noted(path: Path) -> Iterator[Entry]:
        whole.append(path)
        return read_manifest(path)

    monkeypatch.setattr(indexing, 'read_manifest', noted)
    with running_engine(tmp_path / 'data') as engine:
        job = job_for(engine, sshd, source)
        for name in ('stays', 'changes', 'goes'):
            write(source / f'{name}.txt', 'one', sshd)
        first = back_up(engine, job.id)
        same = back_up(engine, job.id)
        write(source / 'changes.txt', 'another one', sshd)
        write(source / 'comes.txt', 'two', sshd)
        (source / 'goes.txt').unlink()
        third = back_up(engine, job.id)
        expected = {
            ('stays', first.id, third.id), ('changes', first.id, third.id), ('goes', first.id, same.id), ('comes', third.id, third.id),
        }  # fmt: skip
        told = {(f'{source}/{name}.txt', *span) for name, *span in expected}
        assert set(found(engine, '*.txt')) == told
        assert len(whole) == 1
        engine.backups.delete(third.id)
        write(source / 'goes.txt', 'back', sshd)
        last = back_up(engine, job.id)
        names = {Path(path).stem: span for path, *span in found(engine, '*.txt')}
        assert names == {name: [first.id, last.id] for name in ('stays', 'changes', 'goes')} | {
            'comes': [last.id, last.id]
        }

    for left in (tmp_path / 'data' / 'index').iterdir():
        left.unlink()
    with running_engine(tmp_path / 'data') as engine:
        assert {Path(path).stem: span for path, *span in found(engine, '*.txt')} == names
