"""A client sets traps: links to files of the server where folders were or will be. Whoever looks into its snapshots, in
whatever way, reads, changes and hands out nothing of the server."""

import io
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from plumbus.backup.archives import Format
from plumbus.engine import Engine
from plumbus.errors import InvalidInput, NotFound
from plumbus.model import Backup, Status
from tests.support.canary import Canary, make_canary
from tests.support.engines import back_up, job_for, restored, tree_of, write
from tests.support.facts import facts, unchanged
from tests.support.marks import needs_root
from tests.support.sshd import Sshd

pytestmark = needs_root
SECRET = b'a secret of the server'
PATHS = ('', 'd', 'd/a', 'd/d', 'd/d/b', 'd/passwd', 'f', 'd/../d/a', 'deep/d/a')


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    made = make_canary(tmp_path / 'canary')
    yield made
    assert made.touched() == []


def set_links(source: Path, canary: Canary) -> None:
    """Where a folder and files are expected there are links to those of the server."""
    (source / 'deep').mkdir(exist_ok=True)
    for name, aim in {'d': canary.folder, 'f': canary.folder / 'a', 'deep/d': canary.folder / 'd'}.items():
        path = source / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        path.symlink_to(aim)


def set_copies(source: Path, canary: Canary) -> None:
    """In place of the links there are folders and files with the names, sizes, times and modes of the server's."""
    for name, aim in {'d': canary.folder, 'f': canary.folder / 'a', 'deep/d': canary.folder / 'd'}.items():
        (source / name).unlink()
        for original in [aim, *aim.rglob('*')] if aim.is_dir() else [aim]:
            mine = source / name / original.relative_to(aim) if aim.is_dir() else source / name
            status = original.lstat()
            if original.is_dir():
                mine.mkdir()
            else:
                mine.write_bytes(b'c' * status.st_size)
                mine.chmod(status.st_mode & 0o7777)
                os.utime(mine, ns=(status.st_mtime_ns, status.st_mtime_ns))


@dataclass(frozen=True, slots=True)
class Trapped:
    """A job with backups of link, folder and link again, and how each of their trees was right after it."""

    engine: Engine
    job_id: int
    source: Path
    backups: list[Backup]

    def each(self) -> Iterator[tuple[int, str]]:
        """Every backup with every path that a link may lie on."""
        for backup in self.backups:
            for path in PATHS:
                yield backup.id, f'{self.source}/{path}'.rstrip('/')


@pytest.fixture
def trapped(engine: Engine, sshd: Sshd, source: Path, canary: Canary) -> Iterator[Trapped]:
    write(source / 'plain', 'plain', sshd)
    job_id = job_for(engine, sshd, source, shrink_warning_percent=0).id
    made: list[Backup] = []
    kept = []
    for day in (set_links, set_copies, set_links, set_copies):
        day(source, canary)
        made.append(back_up(engine, job_id))
        assert (made[-1].status, made[-1].error_message) == (Status.COMPLETED, None)
        kept.append(facts(tree_of(engine, made[-1])))
    yield Trapped(engine, job_id, source, made)
    assert [unchanged(then, facts(tree_of(engine, one))) for then, one in zip(kept, made, strict=True)] == [
        []
    ] * 4


def tried(look: Callable[[int, str], bytes], backup_id: int, path: str) -> bytes:
    """What one gets to see of a path, nothing where it is refused."""
    try:
        return look(backup_id, path)
    except (NotFound, InvalidInput):
        return b''


def contents(packed: bytes, form: str) -> Iterator[bytes]:
    """The content of every plain file in an archive, and whatever else is in it."""
    yield packed
    if packed and form == 'zip':
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif packed and form in {'tar', 'tar.gz'}:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            files = (archive.extractfile(member) for member in archive if member.isfile())
            yield from (file.read() for file in files if file)


def test_what_is_behind_a_link_is_neither_listed_nor_handed_out(trapped: Trapped) -> None:
    backups, linked = trapped.engine.backups, {trapped.backups[0].id, trapped.backups[2].id}
    first, second = trapped.backups[:2]
    looks: list[Callable[[int, str], bytes]] = [
        lambda number, path: repr(backups.files(number, path)).encode(),
        lambda number, path: repr(backups.files(number, path, recursive=True)).encode(),
        lambda number, path: repr(backups.files(number, path, search='passwd').files).encode(),
        lambda number, path: b''.join(backups.download(number, [path]).chunks),
        lambda number, path: repr(backups.preview(number, path)).encode(),
        lambda number, path: b''.join(backups.image(number, path)[2]),
        lambda number, path: repr(backups.text_diff(number, first.id, path)).encode(),
        lambda number, path: repr(backups.diff(number, second.id, path)).encode(),
        lambda _, path: repr(backups.versions(trapped.job_id, path)).encode(),
    ]
    for backup_id, path in trapped.each():
        told = [tried(look, backup_id, path) for look in looks]
        assert not any(SECRET in one for one in told)
        assert not (backup_id in linked and any(b'passwd' in one for one in told[:3])), (backup_id, path)
        for form in get_args(Format):
            packed = tried(
                lambda *at, form=form: b''.join(backups.download(at[0], [at[1]], form).chunks),
                backup_id,
                path,
            )
            assert not any(SECRET in content for content in contents(packed, form))
    assert set(tried(looks[3], second.id, f'{trapped.source}/d/a')) == set(b'c'), (
        'where it is a file it can be had'
    )
    found = trapped.engine.search.find('passwd', job_id=trapped.job_id).results
    assert found
    assert linked.isdisjoint(hit.first_backup_id for hit in found)


def test_verifying_compares_the_link_and_not_what_is_behind_it(trapped: Trapped) -> None:
    for backup in trapped.backups:
        started = trapped.engine.verifications.start(backup.id)
        ended = trapped.engine.verifications.wait(started.id, 60)
        assert (ended.status, ended.verify_status) == (Status.COMPLETED, 'ok'), ended.verify_errors


def test_what_is_restored_is_the_link(trapped: Trapped, sshd: Sshd, tmp_path: Path) -> None:
    target = sshd.folder / f'restored-{tmp_path.name}'
    target.mkdir()
    os.chown(target, *sshd.ids)
    for backup in trapped.backups:
        restore = restored(trapped.engine, backup.id, restore_path=str(target), delete=True)
        assert restore.status is Status.COMPLETED, restore.error_message
        got = target / str(trapped.source)[1:]
        assert (got / 'd').is_symlink() == (backup in (trapped.backups[0], trapped.backups[2]))
        for path in got.rglob('*'):
            assert path.is_symlink() or not path.is_file() or SECRET not in path.read_bytes()
    for backup_id, path in trapped.each():
        if path.endswith('d/a') and backup_id in {trapped.backups[0].id, trapped.backups[2].id}:
            with pytest.raises((NotFound, InvalidInput)):
                trapped.engine.restores.start(backup_id, {'paths': [path]})
    shutil.rmtree(target)
