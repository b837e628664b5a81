"""What the shell of a client tells before a restore: what lies at some paths, for certain, and the room in some folders."""

import os
from pathlib import Path
from typing import Any, cast

import pytest

from plumbus.transfer import room
from plumbus.transfer.room import Ahead, look_ahead, rooms
from plumbus.transfer.ssh import SshSession
from tests.support.near import Near
from tests.support.zoo import NAMES


@pytest.fixture
def session(tmp_path: Path) -> SshSession:
    return cast(SshSession, Near(tmp_path))


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder with one of each kind."""
    folder = tmp_path / 'there'
    (folder / 'folder').mkdir(parents=True)
    (folder / 'file').touch()
    (folder / 'link').symlink_to('folder')
    (folder / 'dangling').symlink_to('nowhere')
    os.mkfifo(folder / 'fifo')
    return folder


def kinds(ahead: Ahead | None, folder: Path) -> dict[str, str]:
    assert ahead is not None
    return {os.path.relpath(os.fsdecode(path), folder): one.kind for path, one in ahead.found.items()}


def test_it_tells_what_is_there(session: SshSession, there: Path) -> None:
    names = ['folder', 'file', 'link', 'dangling', 'fifo', 'nothing', 'folder/nothing', 'link/nothing', 'no/where/at all']  # fmt: skip
    paths = [os.fsencode(there / name) for name in names]
    told = kinds(look_ahead(session, [*paths, b'/'], []), there)
    told.pop(os.path.relpath('/', there))
    assert told == {
        'folder': 'folder', 'file': 'special', 'link': 'link', 'dangling': 'link', 'fifo': 'special',
    }  # fmt: skip


@pytest.mark.parametrize('way', ['file', 'dangling', 'file/further', 'dangling/further'])
def test_nothing_is_certain_behind_what_is_no_folder(session: SshSession, there: Path, way: str) -> None:
    assert look_ahead(session, [os.fsencode(there / way / 'name')], []) is None


def test_names_may_hold_any_bytes(session: SshSession, there: Path) -> None:
    paths = [os.fsencode(there) + b'/folder/' + name for name in NAMES]
    for path in paths[::2]:
        Path(os.fsdecode(path)).touch()
    ahead = look_ahead(session, paths, [])
    assert ahead is not None
    assert list(ahead.found) == paths[::2]


def test_it_tells_the_room_even_of_folders_that_are_to_be_made(session: SshSession, there: Path) -> None:
    new, newer = os.fsencode(there / 'new'), os.fsencode(there / 'new' / 'and' / 'newer')
    ahead = look_ahead(session, [new], [new, newer, os.fsencode(there)])
    assert ahead is not None
    assert ahead.found == {}
    disks = {(one.disk, one.sure) for one in ahead.rooms.values() if one}
    assert len(disks) == 1
    assert disks.pop()[1]
    assert [bool(one and one.free > 0) for one in rooms(session, [new, newer])] == [True, True]


@pytest.mark.parametrize('said', ['', 'PLUMBUS n', 'PLUMBUS n\nPLUMBUS x', 'PLUMBUS n\nPLUMBUS n\nPLUMBUS n'])
def test_what_does_not_tell_of_each_path_tells_nothing(
    session: SshSession, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ssh_argv(_: Any, _command: str) -> list[str]:
        return ['printf', '%s\n', said]

    monkeypatch.setattr(Near, 'ssh_argv', ssh_argv)
    assert look_ahead(session, [b'/a', b'/b'], []) is None
    assert rooms(session, [b'/a', b'/b']) == [None, None]


def test_a_shell_that_says_more_and_more_is_heard_for_a_while_only(
    session: SshSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, 'LIMIT_S', 0.5)
    monkeypatch.setattr(Near, 'ssh_argv', lambda *_: ['yes', 'PLUMBUS n'])
    assert look_ahead(session, [b'/a', b'/b'], []) is None
    assert rooms(session, [b'/a', b'/b']) == [None, None]
