import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from plumbus.cancellation import Cancellation
from plumbus.errors import Cancelled, ClientError, InvalidInput
from plumbus.model import RemoteFile
from plumbus.transfer import listing
from plumbus.transfer.keys import Keys
from plumbus.transfer.listing import list_folder
from plumbus.transfer.names import path_bytes, path_text
from plumbus.transfer.ssh import SshSession, Target, session
from tests.support.marks import needs_root
from tests.support.sshd import IS_ROOT, Sshd
from tests.support.zoo import NAMES, YEAR_2100, give, make_zoo


@pytest.fixture(scope='module')
def zoo(sshd: Sshd) -> Path:
    """A zoo that the login owns."""
    folder = sshd.folder / 'zoo'
    make_zoo(folder, root=IS_ROOT)
    if IS_ROOT:
        give(folder, *sshd.ids)
    return folder


@pytest.fixture
def connection(target: Target, keys: Keys) -> Iterator[SshSession]:
    with session(target, keys, Cancellation()) as opened:
        yield opened


def by_name(files: list[RemoteFile]) -> dict[str, RemoteFile]:
    return {file.name: file for file in files}


def failure(connection: SshSession, path: str) -> ClientError:
    with pytest.raises(ClientError) as caught:
        list_folder(connection, path)
    assert caught.value.remedy
    return caught.value


def test_it_lists_every_name_and_finds_each_again(connection: SshSession, zoo: Path) -> None:
    files = list_folder(connection, str(zoo / 'names'))
    folders = [b'folder ' + name for name in NAMES[:5]]
    wanted = sorted(os.fsencode(zoo / 'names') + b'/' + name for name in NAMES + folders)
    assert sorted(path_bytes(file.path) for file in files) == wanted
    assert json.loads(json.dumps([file.path for file in files]).encode()) == [file.path for file in files]
    for file in files:
        assert file.name.encode()  # valid text, too
        if file.is_dir:
            assert len(list_folder(connection, file.path)) == 1, file.path


def test_it_sorts_folders_first_and_then_by_name(connection: SshSession, sshd: Sshd) -> None:
    folder = sshd.folder / 'order'
    for name in ('b', 'A'):
        (folder / name).mkdir(parents=True)
    for name in ('c', 'B2', 'a1', '.z'):
        (folder / name).touch()
    assert [file.name for file in list_folder(connection, str(folder))] == ['A', 'b', '.z', 'a1', 'B2', 'c']
    visible = list_folder(connection, str(folder), show_hidden=False)
    assert [file.name for file in visible] == ['A', 'b', 'a1', 'B2', 'c']


def test_it_tells_kinds_and_modes(connection: SshSession, zoo: Path) -> None:
    found = by_name(list_folder(connection, str(zoo / 'modes')))
    modes = {name: (file.mode, file.permissions, file.is_dir) for name, file in found.items()}
    assert modes == {
        'plain': ('-rw-r--r--', '644', False),
        'setuid': ('-rwsr-xr-x', '4755', False),
        'setgid': ('-rwxr-sr-x', '2755', False),
        'only mine': ('-rw-------', '600', False),
        'read-only': ('-r--r--r--', '444', False),
        'nothing allowed': ('----------', '000', False),
        'sticky': ('drwxrwxrwt', '1777', True),
        'group': ('drwxrwsr-x', '2775', True),
        'read-only folder': ('dr-xr-xr-x', '555', True),
    }
    special = by_name(list_folder(connection, str(zoo / 'special')))
    assert special['fifo'].mode == 'prw-r--r--'


def test_it_tells_times_and_sizes(connection: SshSession, zoo: Path) -> None:
    found = by_name(list_folder(connection, str(zoo / 'times')))
    assert found['1970'].modified == '1970-01-01T00:00:00+00:00'
    assert found['2100'].modified == '2100-01-01T00:00:00+00:00'
    assert time.gmtime(YEAR_2100).tm_year == 2100
    contents = by_name(list_folder(connection, str(zoo / 'contents')))
    assert {name: contents[name].size for name in ('empty', 'text', 'sparse')} == {
        'empty': 0, 'text': 1000, 'sparse': 8 * 1024 * 1024,
    }  # fmt: skip


def test_it_shows_links_as_links_and_follows_one_that_is_asked_for(connection: SshSession, zoo: Path) -> None:
    found = by_name(list_folder(connection, str(zoo / 'links')))
    assert {(file.is_link, file.is_dir, file.mode[0]) for file in found.values()} == {(True, False, 'l')}
    assert 'text' in by_name(list_folder(connection, found['folder'].path))
    assert failure(connection, found['dangling'].path).cause == 'source_missing'
    assert failure(connection, found['loop-a'].path).message


def test_it_lists_the_root(connection: SshSession) -> None:
    found = by_name(list_folder(connection, '/'))
    assert found['etc'].is_dir
    assert found['etc'].path == '/etc'
    assert '.' not in found


def test_it_takes_a_path_literally(connection: SshSession, sshd: Sshd) -> None:
    folder = sshd.folder / 'star'
    for name in ('s*r', 'star', '$(touch x)', '-e sh'):
        (folder / name / f'in {name}').mkdir(parents=True)
    for name in ('s*r', '$(touch x)', '-e sh'):
        assert [file.name for file in list_folder(connection, f'{folder}/{name}/')] == [f'in {name}']
    assert failure(connection, f'{folder}/st*').cause == 'source_missing'


def test_it_tells_why_there_is_nothing_to_list(connection: SshSession, zoo: Path) -> None:
    missing, file = (
        failure(connection, '/no/such/folder'),
        failure(connection, str(zoo / 'contents' / 'text')),
    )
    assert (missing.cause, '/no/such/folder' in missing.message) == ('source_missing', True)
    assert file.cause == 'not_a_folder'
    assert list_folder(connection, str(zoo / 'contents' / 'empty folder')) == []


@pytest.mark.parametrize('path', ['', 'relative', '/nul\0/etc', '/nul\\#000/etc', '/half \ud800 pair'])
def test_it_refuses_what_is_no_path(connection: SshSession, path: str) -> None:
    with pytest.raises(InvalidInput):
        list_folder(connection, path)


@needs_root
def test_it_lists_with_sudo_what_only_root_may_read(connection: SshSession, sshd: Sshd) -> None:
    secret = sshd.folder / 'only root'
    (secret / 'inside').mkdir(parents=True)
    secret.chmod(0o700)
    assert failure(connection, str(secret)).cause == 'permission_denied'
    with pytest.raises(ClientError) as caught:
        list_folder(connection, str(secret), sudo=True)
    assert caught.value.cause == 'sudo'
    with sshd.sudo_allowed():
        assert [file.name for file in list_folder(connection, str(secret), sudo=True)] == ['inside']


@needs_root
def test_it_tells_what_the_login_may_read(connection: SshSession, sshd: Sshd) -> None:
    folder, (uid, gid) = sshd.folder / 'readable', sshd.ids
    wanted = {}
    for name, owner, mode, readable in (
        ('mine', (uid, 0), 0o400, True), ('mine, not for me', (uid, gid), 0o044, False), ('group', (0, gid), 0o040, True),
        ('other group', (0, 0), 0o040, False), ('all', (0, 0), 0o004, True), ('root', (0, 0), 0o600, False),
    ):  # fmt: skip
        folder.mkdir(exist_ok=True)
        (folder / name).touch()
        os.chown(folder / name, *owner)
        (folder / name).chmod(mode)
        wanted[name] = readable
    (folder / 'no entry').mkdir(mode=0o744)
    found = list_folder(connection, str(folder), login_uid=uid, login_gids=[gid])
    assert {file.name: file.readable for file in found} == {**wanted, 'no entry': False}
    for everything in (
        list_folder(connection, str(folder)),
        list_folder(connection, str(folder), login_uid=0),
    ):
        assert all(file.readable for file in everything)


@pytest.mark.parametrize('root', ['', 'zoo'])
def test_it_lists_with_a_key_bound_to_rrsync(
    sshd: Sshd, stranger: Target, keys: Keys, zoo: Path, root: str
) -> None:
    sshd.authorize(keys.public_key, command=f'rrsync -ro {sshd.folder / root if root else "/"}')
    with session(stranger, keys, Cancellation()) as connection:
        path = '/contents' if root else str(zoo / 'contents')
        assert 'text' in by_name(list_folder(connection, path))


def test_it_tells_what_ssh_and_rsync_complain_about(sshd: Sshd, stranger: Target, keys: Keys) -> None:
    with session(stranger, keys, Cancellation()) as connection:
        assert failure(connection, '/').cause == 'auth'
    with session(replace(stranger, port=1), keys, Cancellation()) as connection:
        assert failure(connection, '/').cause == 'refused'
    sshd.authorize(keys.public_key, environment=sshd.path_with(without=('rsync',)))
    with session(stranger, keys, Cancellation()) as connection:
        assert failure(connection, '/').cause == 'rsync_missing'


def test_it_stops_at_a_folder_without_end(
    connection: SshSession, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, 'MOST_ENTRIES', 5)
    assert failure(connection, str(zoo / 'names')).cause == 'too_many'


def test_it_stops_when_cancelled_or_when_nothing_comes(
    sshd: Sshd, stranger: Target, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    sshd.authorize(keys.public_key, command='exec sleep 600')
    cancellation = Cancellation()
    with session(stranger, keys, cancellation) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(listing, 'IDLE_TIMEOUT_S', 1)
            assert failure(connection, '/').cause == 'timeout'
        threading.Timer(0.3, cancellation.cancel, ['cancelled']).start()
        with pytest.raises(Cancelled):
            list_folder(connection, '/')


@pytest.mark.parametrize(
    'path', [b'/plain', '/ümläut'.encode(), b'/inv\xff\xfe', b'/new\nline', b'/fake\\#012', b'/a\\b', b'/\\\\#377\xff', b'/\\#134#012']
)  # fmt: skip
def test_a_path_as_text_is_the_same_path(path: bytes) -> None:
    text = path_text(path)
    assert path_bytes(text.encode().decode()) == path


def test_a_path_that_is_text_stays_as_it_is() -> None:
    assert path_text('/home/pi/ümläut ☃'.encode()) == '/home/pi/ümläut ☃'
    assert path_text(b'/caf\xe9') == '/caf\\#351'
