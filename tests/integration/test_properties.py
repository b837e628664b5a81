"""Random trees, random edits, several runs: each snapshot equals the client, and no older one ever changes.

Needs root: owners, devices and trusted attributes are part of it. HISTORIES=1000 tries more of them, as a nightly run does.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from plumbus.backup import resting
from plumbus.backup.manifest import Entry, read_manifest
from plumbus.backup.snapshots import Snapshot
from plumbus.engine import Engine
from plumbus.model import Backup, Status
from tests.support.canary import Canary, make_canary
from tests.support.edits import EDITS, World
from tests.support.engines import differences, running_engine
from tests.support.facts import Fact, Facts, facts, same, unchanged
from tests.support.marks import needs_root
from tests.support.near import Near, near_clients
from tests.support.truth import digests, misfits_of

pytestmark = needs_root
HISTORIES = int(os.environ.get('HISTORIES', '110'))
ONE_THIRD = settings(
    max_examples=max(1, HISTORIES // 3),
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
WAIT_S = 60.0
Edit = tuple[str, int, int, int]
ROUGH = [name for name in EDITS if name not in {'choose sources', 'exclude'}]
LINKS = [
    'create',
    'link',
    'link',
    'replace',
    'edit in place',
    'write',
    'chmod',
    'delete',
    'rename',
    'utime',
    'exclude',
]
UNLINKED = [name for name in EDITS if name not in {'link', 'choose sources', 'source becomes'}]
NUMBERS = st.integers(0, 999)


@dataclass(slots=True)
class Day:
    """What happens to the files, after how many bytes each connection of the run breaks (-1: never), and which of the
    snapshots are removed in the evening."""

    edits: Sequence[Edit]
    cuts: Sequence[int] = ()
    removed: Sequence[int] = ()


def histories(names: Sequence[str], *, removing: bool = False) -> st.SearchStrategy[list[Day]]:
    """Some days with some edits each."""
    edits = st.lists(st.tuples(st.sampled_from(names), NUMBERS, NUMBERS, NUMBERS), max_size=14)
    first = st.lists(st.tuples(st.just('create'), NUMBERS, NUMBERS, NUMBERS), max_size=12)
    cut = st.sampled_from([-1, -1, -1, 0, 40, 300, 1000, 3000, 8000, 30_000, 100_000])
    cuts = st.one_of(st.just([]), st.just([]), st.lists(cut, min_size=2, max_size=2))
    removed = st.lists(NUMBERS, max_size=2) if removing else st.just([])
    day = st.builds(Day, edits, cuts, removed)
    days = st.lists(day, min_size=1, max_size=5 if removing else 3)
    return st.tuples(st.builds(Day, first, cuts), days).map(lambda both: [both[0], *both[1]])


@dataclass(slots=True)
class Kept:
    """A snapshot as it was when it was made."""

    path: Path
    tree: Facts
    files: dict[str, bytes]

    @classmethod
    def of(cls, path: Path) -> 'Kept':
        return cls(path, facts(path / 'tree'), digests(path))

    def complaints(self) -> list[str]:
        """What has changed since."""
        lines = unchanged(self.tree, facts(self.path / 'tree'))
        if digests(self.path) != self.files:
            lines.append('manifest or backup.json changed')
        return lines


@dataclass(slots=True)
class History:
    """One job from its first backup to its last."""

    engine: Engine
    near: Near
    world: World
    canary: Canary
    job_id: int
    kept: list[Kept] = field(default_factory=list)
    last: Facts = field(default_factory=dict)

    def live(self, days: Sequence[Day]) -> None:
        for day in [*days, Day([])]:
            for edit in day.edits:
                self.world.apply(*edit)
            backup = self._run(day)
            nothing(self.canary.touched())
            for kept in self.kept:
                nothing(kept.complaints())
            if backup.status is Status.COMPLETED:
                self._check(backup)
            else:
                assert day.cuts, (backup.error_message, backup.warnings)
                assert (backup.status, backup.backup_path) == (Status.FAILED, None)
            for number in day.removed[: len(self.kept)]:
                self._remove(number % len(self.kept))
            self._check_shares()

    def listed_twice(self, kept: Kept) -> bool:
        """Whether the run that made a snapshot had to list all files after what differs."""
        path = str(kept.path.relative_to(self.engine.settings.data_dir))
        found = self.engine.backups.records.select(lambda raw: raw['backup_path'] == path).items
        return any('could not be told for sure' in line for line in self.engine.backups.log_tail(found[0].id))

    def _remove(self, place: int) -> None:
        gone = self.kept.pop(place)
        path = str(gone.path.relative_to(self.engine.settings.data_dir))
        found = self.engine.backups.records.select(lambda raw: raw['backup_path'] == path).items
        self.engine.backups.delete(found[0].id)
        if not self.kept:
            self.last = {}
        elif place == len(self.kept):
            self.last = self.kept[-1].tree
        for kept in self.kept:
            kept.files = digests(kept.path)  # the next one may say now that more is its own

    def _check_shares(self) -> None:
        """Whatever some of the snapshots alone hold comes free with them, to the byte."""
        held = [{one.inode: one.size for one in kept.tree.values() if one.kind == 'f'} for kept in self.kept]
        for number in range(2 ** len(held)):
            going = [place for place in range(len(held)) if number >> place & 1]
            left = {inode for place, files in enumerate(held) if place not in going for inode in files}
            freed = {
                inode: size for place in going for inode, size in held[place].items() if inode not in left
            }
            names = [self.kept[place].path.name for place in going]
            folder = self.kept[0].path.parent if self.kept else self.engine.settings.data_dir
            assert self.engine.retention.removal.freed(folder, names) == sum(freed.values()), names
        whole = {inode: size for files in held for inode, size in files.items()}
        assert self._told_bytes() == sum(whole.values())

    def _told_bytes(self) -> int:
        backups = self.engine.backups.page(job_id=self.job_id, limit=1000).items
        return sum(backup.disk_bytes for backup in backups if backup.backup_path)

    def _run(self, day: Day) -> Backup:
        sources = [os.fsdecode(self.world.path(name)) for name in self.world.sources]
        fields = {'source_paths': sources, 'excludes': self.world.excludes}
        self.engine.jobs.update(self.job_id, fields)
        self.near.cuts[:] = day.cuts
        try:
            backup = self.engine.backups.wait(self.engine.jobs.run(self.job_id).id, WAIT_S)
        finally:
            self.near.forget()
        note(f'{backup.status} {backup.error_message} {backup.warnings}')
        return backup

    def _check(self, backup: Backup) -> None:
        path = self.engine.settings.data_dir / str(backup.backup_path)
        tree = facts(path / 'tree')
        entries = {entry.path: entry for entry in read_manifest(path / 'manifest.msgpack.zst')}
        nothing(same(self._source(), self._part(tree)))
        nothing(misfits_of(entries, tree, path))
        self._check_figures(backup, entries, tree)
        assert [name for name in sorted(os.listdir(path)) if not name.startswith('manifest-')] == [
            'backup.json', 'manifest.msgpack.zst', 'tree',
        ]  # fmt: skip
        nothing([name for name in os.listdir(path.parent) if name.startswith(('.incomplete', '.remains'))])
        self.kept.append(Kept.of(path))
        self.last = tree

    def _source(self) -> Facts:
        """What the job should have taken."""
        found: Facts = {}
        everything = facts(self.world.root, self.world.excludes)
        chosen = {
            path: fact for path, fact in everything.items() if path.split(b'/')[0] in self.world.sources
        }
        first: dict[bytes, bytes] = {}
        for path in sorted(chosen):
            fact = chosen[path]
            found[path] = fact._replace(group=first.setdefault(fact.group, path))
        return found

    def _part(self, tree: Facts) -> Facts:
        """What lies below the sources in a snapshot's tree; only folders on the way to them may lie beside."""
        prefix = os.fsencode(self.world.root)[1:] + b'/'
        outside = [path for path in tree if not path.startswith(prefix) and not prefix.startswith(path)]
        assert outside == []
        return {
            path.removeprefix(prefix): fact._replace(group=fact.group.removeprefix(prefix))
            for path, fact in tree.items()
            if path.startswith(prefix)
        }

    def _check_figures(self, backup: Backup, entries: dict[bytes, Entry], tree: Facts) -> None:
        moment = Snapshot(Path(str(backup.backup_path))).moment.timestamp()
        files = {path: fact for path, fact in tree.items() if fact.kind != 'd'}
        before = {path: fact for path, fact in self.last.items() if fact.kind != 'd'}
        stored = [entry for entry in entries.values() if entry.kind == 'f' and not entry.linked]
        assert backup.file_count == len(files)
        assert backup.size_bytes == sum(entry.size for entry in stored)
        assert backup.disk_bytes == sum(entry.size for entry in stored if entry.born == moment)
        assert backup.disk_bytes == self._new_bytes(files)
        assert backup.new_files == len(_keys(files) - _keys(before))
        assert backup.deleted_files == len(_keys(before) - _keys(files))
        both = [path for path, kind in _keys(files) & _keys(before)]
        changed = [path for path in both if _bare(files[path]) != _bare(before[path])]
        regrouped = [path for path in both if files[path].group != before[path].group]
        assert len(changed) <= backup.changed_files <= len({*changed, *regrouped})

    def _new_bytes(self, files: Facts) -> int:
        """The bytes of files that no older snapshot holds."""
        known = {fact.inode for kept in self.kept for fact in kept.tree.values()}
        new = {
            fact.inode: fact.size for fact in files.values() if fact.kind == 'f' and fact.inode not in known
        }
        return sum(new.values())


def nothing(lines: Sequence[str]) -> None:
    """Fail with all of the lines, if there are any."""
    assert not lines, '\n'.join(lines)


def _bare(fact: Fact) -> Fact:
    return fact._replace(group=b'', inode=0)


def _keys(files: Facts) -> set[tuple[bytes, str]]:
    return {(path, fact.kind) for path, fact in files.items()}


@pytest.fixture(scope='module', autouse=True)
def short_manifests() -> Iterator[None]:
    """Manifests rest on each other, however short, until they are deep."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resting, 'LEAST_BYTES', 0)
        patch.setattr(resting, 'SHARE', 99)
        patch.setattr(resting, 'DEEPEST', 2)
        yield


@pytest.fixture(scope='module')
def workshop() -> Iterator[Path]:
    """A folder in memory: many small files come and go."""
    parent = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix='plumbus-histories-', dir=parent) as name:
        yield Path(name)


@pytest.fixture(scope='module')
def near(workshop: Path) -> Iterator[Near]:
    with near_clients(workshop) as clients:
        yield clients


@pytest.fixture(scope='module')
def engine(workshop: Path, near: Near) -> Iterator[Engine]:
    with running_engine(workshop / 'data') as running:
        running.clients.create({'name': 'near', 'host': 'localhost', 'username': 'root'})
        yield running


@contextmanager
def history(engine: Engine, near: Near, workshop: Path) -> Iterator[History]:
    """A new job with empty sources; nothing of it stays."""
    root = Path(tempfile.mkdtemp(prefix='world-', dir=workshop))
    canary = make_canary(root / 'canary')
    world = World(root / 'client', canary.folder)
    client = engine.clients.all()[0]
    job = engine.jobs.create(
        {
            'client_id': client.id,
            'name': 'job',
            'source_paths': [str(world.root)],
            'shrink_warning_percent': 0,
            'retries': 0,
        }
    )
    yield History(engine, near, world, canary, job.id)
    engine.jobs.delete(job.id, delete_data=True)
    shutil.rmtree(root)


@ONE_THIRD
@given(days=histories(list(EDITS)))
def test_every_snapshot_equals_the_client_whatever_happened_to_the_files(
    engine: Engine, near: Near, workshop: Path, days: list[Day]
) -> None:
    with history(engine, near, workshop) as lived:
        lived.live(days)


@ONE_THIRD
@given(days=histories(LINKS))
def test_hard_links_are_kept_made_and_broken_as_on_the_client(
    engine: Engine, near: Near, workshop: Path, days: list[Day]
) -> None:
    with history(engine, near, workshop) as lived:
        lived.live(days)


@ONE_THIRD
@given(days=histories([*ROUGH, 'choose sources', 'become', 'keep times']))
def test_rsync_itself_finds_no_difference(
    engine: Engine, near: Near, workshop: Path, days: list[Day]
) -> None:
    with history(engine, near, workshop) as lived:
        lived.live(days)
        for name in lived.world.sources:
            source = Path(os.fsdecode(lived.world.path(name)))
            if source.is_dir() and not source.is_symlink():
                copy = lived.kept[-1].path / 'tree' / str(source)[1:]
                assert differences(source, copy) == ''


@ONE_THIRD
@given(days=histories(UNLINKED))
def test_a_scan_that_tells_of_differences_alone_is_enough_where_there_are_no_hard_links(
    engine: Engine, near: Near, workshop: Path, days: list[Day]
) -> None:
    with history(engine, near, workshop) as lived:
        lived.live(days)
        assert all(json.loads((kept.path / 'backup.json').read_text())['listing'] for kept in lived.kept)
        assert not [kept.path for kept in lived.kept[1:] if lived.listed_twice(kept)]


@settings(ONE_THIRD, max_examples=max(1, HISTORIES // 6))
@given(days=histories(LINKS, removing=True))
def test_what_comes_free_with_a_snapshot_is_what_only_it_holds(
    engine: Engine, near: Near, workshop: Path, days: list[Day]
) -> None:
    with history(engine, near, workshop) as lived:
        lived.live(days)
