"""What changes between two backups, or between the scan and the fetch of one: the manifest tells what lies in the tree."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from plumbus.backup.manifest import Entry, read_manifest
from plumbus.engine import Engine
from plumbus.model import Backup, Status
from tests.support.canary import make_canary
from tests.support.engines import back_up, running_engine
from tests.support.facts import Facts, facts, same, unchanged
from tests.support.near import Near, near_clients


@dataclass(slots=True)
class Place:
    """A client next door with one job."""

    engine: Engine
    near: Near
    source: Path
    job_id: int

    def back_up(self, meanwhile: Callable[[], object] = lambda: None) -> Backup:
        """Run the job; `meanwhile` happens between its scan and its fetch."""
        self.near.hooks[:] = [lambda: None, meanwhile]
        backup = back_up(self.engine, self.job_id)
        self.near.forget()
        return backup

    def tree(self, backup: Backup) -> Path:
        return self.engine.settings.data_dir / str(backup.backup_path) / 'tree'

    def copy(self, backup: Backup) -> Facts:
        """What lies in the snapshot below the source."""
        return facts(self.tree(backup) / str(self.source)[1:])

    def entries(self, backup: Backup) -> dict[str, Entry]:
        """What the manifest tells of it."""
        manifest = self.tree(backup).parent / 'manifest.msgpack.zst'
        prefix = os.fsencode(self.source)[1:] + b'/'
        found = [entry for entry in read_manifest(manifest) if entry.path.startswith(prefix)]
        return {os.fsdecode(entry.path.removeprefix(prefix)): entry for entry in found}

    def check(self, backup: Backup) -> None:
        """The snapshot equals the source, and the manifest and the record tell what lies in it."""
        assert same(facts(self.source), self.copy(backup)) == []
        self.check_manifest(backup)

    def check_manifest(self, backup: Backup) -> None:
        """The manifest and the record tell what lies in the tree."""
        tree, entries = self.copy(backup), self.entries(backup)
        assert sorted(entries) == sorted(os.fsdecode(path) for path in tree if path)
        for name, entry in entries.items():
            fact = tree[os.fsencode(name)]
            told = (entry.kind, entry.mtime, entry.mode if entry.kind != 'L' else fact.mode)
            assert told == (fact.kind, fact.mtime_ns // 10**9, fact.mode), name
            assert entry.kind != 'f' or (entry.size == fact.size and entry.checksum), name
        files = [fact for fact in tree.values() if fact.kind != 'd']
        assert backup.file_count == len(files)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    source = tmp_path / 'client' / 'source'
    source.mkdir(parents=True)
    with near_clients(tmp_path) as near, running_engine(tmp_path / 'data') as engine:
        client = engine.clients.create({'name': 'near', 'host': 'localhost', 'username': 'root'})
        fields = {'source_paths': [str(source)], 'retries': 0, 'shrink_warning_percent': 0}
        job = engine.jobs.create({'client_id': client.id, 'name': 'job', **fields})
        yield Place(engine, near, source, job.id)


def fill(folder: Path) -> None:
    """Some files, two of them in a folder in a folder."""
    (folder / 'd' / 'deep').mkdir(parents=True)
    for name in ('a', 'd/b', 'd/deep/c', 'd/deep/e'):
        (folder / name).write_text(f'the content of {name}')


def test_a_further_name_in_a_new_folder_is_linked(place: Place) -> None:
    fill(place.source)
    place.back_up()
    (place.source / 'new' / 'folder').mkdir(parents=True)
    os.link(place.source / 'a', place.source / 'new' / 'folder' / 'a too')
    backup = place.back_up()
    assert (backup.status, backup.error_message) == (Status.COMPLETED, None)
    place.check(backup)


def test_a_link_that_was_broken_on_the_client_is_broken_in_the_snapshot(place: Place) -> None:
    fill(place.source)
    for name in ('b', 'c', 'd/e'):
        os.link(place.source / 'a', place.source / name)
    first = place.back_up()
    before = facts(place.tree(first))
    shutil.copy2(place.source / 'b', place.source / 'b.new')
    (place.source / 'b.new').rename(place.source / 'b')
    os.link(place.source / 'b', place.source / 'd' / 'new')

    second = place.back_up()

    place.check(second)
    assert second.transferred_bytes == 0
    assert unchanged(before, facts(place.tree(first))) == []


def test_a_file_that_is_linked_to_another_now_has_the_checksum_of_that(place: Place) -> None:
    for name in ('a', 'b'):
        (place.source / name).write_text(f'{name} of one size')
        os.utime(place.source / name, (1, 1))
    place.back_up()
    (place.source / 'b').unlink()
    os.link(place.source / 'a', place.source / 'b')
    backup = place.back_up()
    place.check(backup)
    entries = place.entries(backup)
    assert entries['a'].checksum == entries['b'].checksum
    assert (backup.new_files, backup.deleted_files) == (0, 0)


@pytest.mark.parametrize('excludes', [[], ['b', 'deep']])
def test_a_file_in_place_of_a_full_folder_is_no_reason_for_a_warning(
    place: Place, excludes: list[str]
) -> None:
    fill(place.source)
    place.back_up()
    shutil.rmtree(place.source / 'd')
    (place.source / 'd').write_text('a file now')
    place.engine.jobs.update(place.job_id, {'excludes': excludes})
    backup = place.back_up()
    assert (backup.status, backup.warnings) == (Status.COMPLETED, [])
    assert (backup.new_files, backup.deleted_files) == (1, 3)
    place.check(backup)


def test_the_times_of_the_folders_above_are_told_as_they_were_fetched(place: Place) -> None:
    fill(place.source)
    place.back_up()
    (place.source / 'd' / 'deep' / 'c').write_text('changed')
    backup = place.back_up(lambda: os.utime(place.source / 'd', (7, 7)))
    place.check_manifest(backup)


MEANWHILE: dict[str, Callable[[Path], object]] = {
    'a file vanishes': lambda source: (source / 'd' / 'b').unlink(),
    'a folder vanishes': lambda source: shutil.rmtree(source / 'd'),
    'a folder deeper down vanishes': lambda source: shutil.rmtree(source / 'd' / 'deep'),
    'a folder becomes a file': lambda source: (shutil.rmtree(source / 'd'), (source / 'd').write_text('x')),
    'a file becomes a folder': lambda source: ((source / 'a').unlink(), (source / 'a' / 'x').mkdir(parents=True)),
    'a file becomes a link': lambda source: ((source / 'a').unlink(), (source / 'a').symlink_to('d')),
    'a file grows': lambda source: (source / 'a').write_text('much more ' * 1000),
    'modes change': lambda source: ((source / 'a').chmod(0o600), (source / 'd' / 'deep').chmod(0o711)),
    'a link is made': lambda source: os.link(source / 'a', source / 'd' / 'a too'),
    'all vanishes': lambda source: [shutil.rmtree(source / 'd'), (source / 'a').unlink()],
}  # fmt: skip


def edit_most(source: Path) -> None:
    (source / 'a').write_text('changed a')
    (source / 'd' / 'b').write_text('changed b')
    (source / 'd' / 'deep' / 'new').write_text('new')
    (source / 'd').chmod(0o750)


@pytest.mark.parametrize('edit', [edit_most, lambda source: (source / 'd' / 'deep' / 'c').unlink()])
@pytest.mark.parametrize('what', MEANWHILE)
def test_what_happens_between_scan_and_fetch_makes_no_lie(
    place: Place, what: str, edit: Callable[[Path], object]
) -> None:
    fill(place.source)
    first = place.back_up()
    before = facts(place.tree(first))
    edit(place.source)

    second = place.back_up(lambda: MEANWHILE[what](place.source))

    assert second.status in {Status.COMPLETED, Status.WARNING}
    place.check_manifest(second)
    third = place.back_up()
    assert third.status is Status.COMPLETED
    place.check(third)
    assert unchanged(before, facts(place.tree(first))) == []


def test_a_folder_is_kept_though_all_that_was_to_come_with_it_vanishes_meanwhile(place: Place) -> None:
    fill(place.source)
    place.back_up()
    young = place.source / 'd' / 'young'
    young.mkdir(0o711)
    (young / 'file').write_text('soon gone')
    (place.source / 'd' / 'deep' / 'c').write_text('changed, soon gone')

    def vanish() -> None:
        (young / 'file').unlink()
        (place.source / 'd' / 'deep' / 'c').unlink()

    second = place.back_up(vanish)

    assert second.status is Status.COMPLETED
    place.check(second)


def test_a_folder_that_becomes_a_link_to_the_server_meanwhile_leads_nowhere(
    place: Place, tmp_path: Path
) -> None:
    canary = make_canary(tmp_path / 'canary')
    (place.source / 'd' / 'd').mkdir(parents=True)
    for name in ('d/a', 'd/d/b', 'd/keep'):
        (place.source / name).write_text(name)
    first = place.back_up()
    before = facts(place.tree(first))
    for name in ('d/a', 'd/d/b'):
        (place.source / name).write_text(f'changed {name}')
    (place.source / 'd' / 'new').write_text('new')

    def swap() -> None:
        (place.source / 'd').rename(place.source / 'away')
        (place.source / 'd').symlink_to(canary.folder)

    second = place.back_up(swap)

    assert (
        canary.changed() == []
    )  # the client itself may read what its link leads to, and here that is the same machine
    place.check_manifest(second)
    assert unchanged(before, facts(place.tree(first))) == []
    third = place.back_up()
    assert canary.changed() == []
    place.check(third)


def test_the_first_backup_tells_no_lie_either(place: Place) -> None:
    fill(place.source)
    backup = place.back_up(lambda: shutil.rmtree(place.source / 'd'))
    place.check(backup)


def test_a_source_behind_a_link_is_copied_again_and_again(place: Place) -> None:
    real = place.source / 'real' / 'inner'
    real.mkdir(parents=True)
    (real / 'file').write_text('one')
    (place.source / 'link').symlink_to('real')
    place.engine.jobs.update(place.job_id, {'source_paths': [str(place.source / 'link' / 'inner')]})
    first = place.back_up()
    before = facts(place.tree(first))
    for number in range(3):
        (real / 'file').write_text(f'changed {number}')
        (place.source / 'real' / f'beside {number}').write_text('not asked for, but it changes the time')
        backup = place.back_up()
        assert (backup.status, backup.warnings) == (Status.COMPLETED, [])
        assert same(facts(real), facts(place.tree(backup) / str(place.source / 'link' / 'inner')[1:])) == []
        place.check_manifest(backup)
    assert unchanged(before, facts(place.tree(first))) == []


def test_a_single_file_as_source_stores_nothing_when_only_the_folder_above_changed(place: Place) -> None:
    fill(place.source)
    place.engine.jobs.update(place.job_id, {'source_paths': [str(place.source / 'a')]})
    first = place.back_up()
    (place.source / 'beside').write_text('')
    second = place.back_up()
    assert (second.disk_bytes, second.changed_files, second.new_files) == (0, 0, 0)
    assert first.disk_bytes > 0
    place.check_manifest(second)


def test_a_folder_above_the_source_that_was_touched_costs_no_fetch_and_comes_with_the_next_one(
    place: Place,
) -> None:
    fill(place.source)
    place.back_up()
    os.utime(place.source.parent, ns=(10**18, 10**18))

    idle = place.back_up()

    above = place.tree(idle) / str(place.source.parent).lstrip('/')
    assert above.stat().st_mtime_ns != 10**18
    verification = place.engine.verifications.wait(place.engine.verifications.start(idle.id).id, 60)
    assert (verification.verify_status, verification.verify_errors) == ('ok', [])

    (place.source / 'a').write_text('something new')
    place.check(busy := place.back_up())
    above = place.tree(busy) / str(place.source.parent).lstrip('/')
    assert above.stat().st_mtime_ns == 10**18
