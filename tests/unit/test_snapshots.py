"""The layout on disk: only whole snapshots have a time for a name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from plumbus.backup.manifest import ManifestWriter
from plumbus.backup.snapshots import Snapshot, Snapshots, slug
from plumbus.errors import NotFound, StoreError

START = datetime(2026, 11, 23, 2, 0, 0, 5, tzinfo=UTC)


def publish(snapshots: Snapshots, folder: Path, name: str) -> Snapshot:
    workspace = snapshots.begin(folder)
    (workspace.tree / 'file').write_text(name)
    with ManifestWriter(workspace.manifest):
        pass
    return snapshots.publish(workspace, name, {'backup': {'id': 1}})


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path)


def test_it_names_folders_by_client_and_job(snapshots: Snapshots) -> None:
    folder = snapshots.job_folder((3, "Bob's Pi"), (7, '/etc & more'))
    assert folder.relative_to(snapshots.data_dir) == Path('backups/bob-s-pi-3/etc-more-7')


def test_it_keeps_the_folder_when_a_name_changes(snapshots: Snapshots) -> None:
    folder = snapshots.job_folder((3, 'old'), (7, 'job'))
    publish(snapshots, folder, '2026-11-23T020000Z')
    assert snapshots.job_folder((3, 'new'), (7, 'renamed')) == folder
    assert snapshots.job_folder((13, 'old'), (7, 'job')) != folder


def test_it_gives_a_snapshot_its_name_last(snapshots: Snapshots) -> None:
    folder = snapshots.job_folder((1, 'c'), (1, 'j'))
    workspace = snapshots.begin(folder)
    assert snapshots.of(folder) == []
    snapshot = publish(snapshots, folder, '2026-11-23T020000Z')
    assert snapshots.of(folder) == [snapshot]
    assert (snapshot.tree / 'file').exists()
    assert not workspace.path.exists()
    assert snapshot.description()['backup']['id'] == 1


def test_it_finds_the_newest_whole_snapshot(snapshots: Snapshots) -> None:
    folder = snapshots.job_folder((1, 'c'), (1, 'j'))
    assert snapshots.newest(folder) is None
    first = publish(snapshots, folder, '2026-11-23T020000Z')
    second = publish(snapshots, folder, '2026-11-24T020000Z')
    snapshots.begin(folder)
    (folder / 'notes').mkdir()
    assert snapshots.newest(folder) == second
    assert snapshots.of(folder) == [first, second]
    assert list(snapshots.everything()) == [first, second]


def test_it_continues_a_first_run_and_sets_a_later_one_aside(snapshots: Snapshots) -> None:
    folder = snapshots.job_folder((1, 'c'), (1, 'j'))
    (snapshots.begin(folder).tree / 'half').touch()
    again = snapshots.begin(folder)
    assert again.continued
    assert (again.tree / 'half').exists()
    publish(snapshots, folder, '2026-11-23T020000Z')
    (snapshots.begin(folder).tree / 'later').touch()
    third = snapshots.begin(folder)
    assert not third.continued
    assert list(third.tree.iterdir()) == []
    assert [(one.tree / 'later').exists() for one in third.remains] == [True]
    snapshots.use_up(third)
    assert third.remains == []


def test_it_hands_on_what_had_come_of_a_big_file(snapshots: Snapshots) -> None:
    folder = snapshots.job_folder((1, 'c'), (1, 'j'))
    publish(snapshots, folder, '2026-11-23T020000Z')
    first = snapshots.begin(folder)
    (first.temporary / 'big.a1B2c3').write_text('12345')
    (first.temporary / '.hidden.4D5e6F').write_text('1')
    (first.temporary / 'something else').touch()
    (first.partial / 'other').write_text('123')
    second = snapshots.begin(folder)
    assert {path.name: path.read_text() for path in second.partial.iterdir()} == {
        'big': '12345',
        '.hidden': '1',
        'other': '123',
    }
    assert list(second.temporary.iterdir()) == []


def test_it_never_gives_two_snapshots_one_name(snapshots: Snapshots) -> None:
    folder = snapshots.job_folder((1, 'c'), (1, 'j'))
    publish(snapshots, folder, '2026-11-23T020000Z')
    assert snapshots.free_time(folder, START) == datetime(2026, 11, 23, 2, 0, 1, tzinfo=UTC)


def test_the_newest_snapshot_is_the_one_made_last(snapshots: Snapshots) -> None:
    folder = snapshots.job_folder((1, 'c'), (1, 'j'))
    publish(snapshots, folder, '2026-11-23T020007Z')
    assert snapshots.free_time(folder, START) == datetime(2026, 11, 23, 2, 0, 8, tzinfo=UTC)
    publish(snapshots, folder, '2036-11-23T020000Z')  # the clock was wrong
    assert snapshots.free_time(folder, START) == START.replace(microsecond=0)


def test_it_takes_a_snapshot_away_at_once(snapshots: Snapshots) -> None:
    folder = snapshots.job_folder((1, 'c'), (1, 'j'))
    snapshot = publish(snapshots, folder, '2026-11-23T020000Z')
    taken = snapshots.take_away(snapshot.path)
    assert snapshots.of(folder) == []
    assert snapshots.taken_away() == [taken]
    assert snapshots.take_away(snapshot.path) is None
    again = snapshots.take_away(publish(snapshots, folder, '2026-11-23T020000Z').path)
    assert sorted(snapshots.taken_away()) == sorted([taken, again])


def test_it_finds_a_snapshot_by_its_record(snapshots: Snapshots) -> None:
    snapshot = publish(snapshots, snapshots.job_folder((1, 'c'), (1, 'j')), '2026-11-23T020000Z')
    assert snapshots.at(snapshots.relative(snapshot)) == snapshot
    for missing in (None, '', 'backups/c-1/j-1/2020-01-01T000000Z'):
        with pytest.raises(NotFound):
            snapshots.at(missing)


@pytest.mark.parametrize('text', ['{', '[]', '{}', '{"backup": 7}', '\0'])
def test_it_tells_of_an_unreadable_description(snapshots: Snapshots, text: str) -> None:
    folder = snapshots.job_folder((1, 'c'), (1, 'j'))
    snapshot = publish(snapshots, folder, '2026-11-23T020000Z')
    (snapshot.path / 'backup.json').write_text(text)
    with pytest.raises(StoreError):
        snapshot.description()
    assert snapshots.newest_trusted(folder) == {}


def test_it_notes_beside_a_snapshot_what_changed_about_it(snapshots: Snapshots) -> None:
    snapshot = publish(snapshots, snapshots.job_folder((1, 'c'), (1, 'j')), '2026-11-23T020000Z')
    snapshots.note(snapshot, {'pinned': True})
    snapshots.note(snapshot, {'note': 'before the move'})
    assert snapshot.description() == {'backup': {'id': 1, 'pinned': True, 'note': 'before the move'}}
    assert not (snapshot.path / 'backup.json.new').exists()
    (snapshot.path / 'backup.json').unlink()
    with pytest.raises(StoreError):
        snapshots.note(snapshot, {'pinned': False})


def test_it_sees_no_snapshot_in_what_is_being_deleted(snapshots: Snapshots) -> None:
    folder = snapshots.job_folder((1, 'c'), (1, 'j'))
    publish(snapshots, folder, '2026-11-23T020000Z')
    folder.rename(folder.with_name('.deleting-j-1'))
    assert list(snapshots.folders()) == []
    assert list(snapshots.everything()) == []


@pytest.mark.parametrize(
    ('name', 'expected'),
    [('web-01', 'web-01'), ('../..', 'unnamed'), ('Ünï / x', 'n-x'), ('a' * 300, 'a' * 60)],
)
def test_it_makes_safe_folder_names(name: str, expected: str) -> None:
    assert slug(name) == expected
