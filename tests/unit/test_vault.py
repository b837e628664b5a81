"""Secrets at rest: readable with the key, and with nothing else."""

import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from plumbus.errors import StoreError
from plumbus.store import vault as vault_module
from plumbus.store.database import Database
from plumbus.store.vault import Vault, load_key, open_vault, rotate_file

SECRET = 'correct horse ü 🔑'


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / 'db')


@pytest.fixture
def vault(database: Database) -> Vault:
    return Vault(database, Fernet.generate_key().decode())


def test_it_gives_back_what_was_put_in(vault: Vault) -> None:
    vault.put('client:3', 'password', SECRET)
    assert vault.get('client:3', 'password') == SECRET
    assert vault.has('client:3', 'password')


def test_it_has_nothing_under_other_names(vault: Vault) -> None:
    vault.put('client:3', 'password', SECRET)
    for owner, name in (('client:3', 'private_key'), ('client:33', 'password'), ('client:4', 'password')):
        assert vault.get(owner, name) is None
        assert not vault.has(owner, name)


def test_it_knows_what_was_kept_with_another_key(vault: Vault, database: Database) -> None:
    vault.put('client:3', 'password', SECRET)
    assert (vault.count(), vault.unreadable()) == (1, [])
    other = Vault(database, Fernet.generate_key().decode())
    other.put('client:4', 'private_key', SECRET)
    assert vault.unreadable() == [('client:4', 'private_key')]
    assert other.unreadable() == [('client:3', 'password')]


def test_it_replaces_a_secret(vault: Vault, database: Database) -> None:
    vault.put('client:3', 'password', 'old')
    vault.put('client:3', 'password', 'new')
    assert vault.get('client:3', 'password') == 'new'
    assert len(database.table('secrets')) == 1


def test_it_forgets_one_secret_or_all_of_an_owner(vault: Vault) -> None:
    for name in ('password', 'private_key', 'passphrase'):
        vault.put('client:3', name, SECRET)
    vault.put('client:4', 'password', SECRET)
    vault.forget('client:3', 'password')
    assert [vault.has('client:3', name) for name in ('password', 'private_key')] == [False, True]
    vault.forget('client:3')
    vault.forget('client:3')
    assert not vault.has('client:3', 'private_key')
    assert vault.has('client:4', 'password')


def test_it_writes_no_secret_to_disk(vault: Vault, tmp_path: Path) -> None:
    vault.put('client:3', 'password', 'correct horse')
    files = [path for path in tmp_path.rglob('*') if path.is_file()]
    assert files
    assert not any(b'correct horse' in path.read_bytes() for path in files)


@pytest.mark.parametrize(
    'key', ['ZmVybmV0IGtleSBmb3IgYSB0ZXN0LCAzMiBieXRlcyE=', 'a pass phrase of one’s own', '0' * 64, 'x']
)
def test_it_takes_any_text_for_a_key(database: Database, key: str) -> None:
    Vault(database, key).put('client:3', 'password', SECRET)
    assert Vault(Database(database.path), key).get('client:3', 'password') == SECRET


def test_it_says_plainly_that_the_key_is_another(database: Database) -> None:
    Vault(database, 'one key').put('client:3', 'private_key', SECRET)
    stranger = Vault(database, 'another key')
    with pytest.raises(StoreError, match='stored private key cannot be decrypted') as caught:
        stranger.get('client:3', 'private_key')
    assert 'PLUMBUS_SECRET_KEY' in caught.value.remedy
    assert 'another key' not in str(caught.value)
    stranger.put('client:3', 'private_key', 'entered again')
    assert stranger.get('client:3', 'private_key') == 'entered again'


# The key


def test_it_prefers_the_configured_key(tmp_path: Path) -> None:
    assert load_key(SecretStr('from outside'), tmp_path / 'keys' / 'secret.key') == 'from outside'
    assert not (tmp_path / 'keys').exists()


def test_it_makes_a_private_key_file_once(tmp_path: Path) -> None:
    path = tmp_path / 'keys' / 'secret.key'
    key = load_key(None, path)
    assert load_key(None, path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ['secret.key']
    Fernet(key)


def test_it_makes_another_key_elsewhere(tmp_path: Path) -> None:
    assert load_key(None, tmp_path / 'a' / 'secret.key') != load_key(None, tmp_path / 'b' / 'secret.key')


def test_it_agrees_on_one_key_when_two_start_at_once(tmp_path: Path) -> None:
    keys: list[str] = []
    path = tmp_path / 'keys' / 'secret.key'
    workers = [
        threading.Thread(target=lambda: keys.append(load_key(None, path)), daemon=True) for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(keys) == 8
    assert len(set(keys)) == 1


@pytest.mark.parametrize('content', ['', 'not a key\n'])
def test_it_does_not_replace_a_damaged_key_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / 'secret.key'
    path.write_text(content)
    with pytest.raises(StoreError, match='holds no key') as caught:
        load_key(None, path)
    assert 'copy' in caught.value.remedy
    assert path.read_text() == content


class Cut(Exception):
    """The power goes off."""


class TestRotation:
    """Another key for everything, or nothing."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / 'keys' / 'secret.key'

    @pytest.fixture
    def filled(self, database: Database, path: Path) -> Database:
        vault = open_vault(database, None, path)
        for number in range(5):
            vault.put(f'client:{number}', 'password', f'{SECRET} {number}')
        return database

    def all_is_there(self, folder: Path, path: Path) -> bool:
        vault = open_vault(Database(folder), None, path)
        kept = [vault.get(f'client:{number}', 'password') for number in range(5)]
        return (
            kept == [f'{SECRET} {number}' for number in range(5)]
            and not path.with_name('secret.key.new').exists()
        )

    def test_everything_opens_with_the_new_key_and_with_no_other(self, filled: Database, path: Path) -> None:
        old = load_key(None, path)
        assert rotate_file(filled, path) == 5
        new = load_key(None, path)
        assert new != old
        assert path.stat().st_mode & 0o077 == 0
        assert self.all_is_there(filled.path, path)
        assert len(Vault(Database(filled.path), old).unreadable()) == 5

    def test_without_secrets_there_is_a_new_key_all_the_same(self, database: Database, path: Path) -> None:
        old = load_key(None, path)
        assert rotate_file(database, path) == 0
        assert load_key(None, path) != old

    def test_what_another_key_keeps_stays_as_it_is(self, filled: Database, path: Path) -> None:
        other = Vault(filled, Fernet.generate_key().decode())
        other.put('client:9', 'password', SECRET)
        assert rotate_file(filled, path) == 5
        assert other.get('client:9', 'password') == SECRET
        assert self.all_is_there(filled.path, path)

    @pytest.mark.parametrize(
        ('module', 'step', 'times'),
        [
            (vault_module, 'write_beside', 1),
            (vault_module, 'sync_folder', 1),
            (vault_module, 'sync_folder', 2),
            (vault_module.os, 'replace', 1),
            *((vault_module.os, 'fsync', times) for times in (1, 2, 3, 4)),
        ],
    )
    @pytest.mark.parametrize('when', ['before', 'after'])
    def test_cut_off_at_any_step_nothing_is_lost(
        self, filled: Database, path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, step: str, when: str,
        times: int,
    ) -> None:  # fmt: skip
        real, calls = getattr(module, step), list[int]()

        def cut(*args: Any, **kwargs: Any) -> Any:
            calls.append(1)
            if len(calls) == times and when == 'before':
                raise Cut
            result = real(*args, **kwargs)
            if len(calls) == times:
                raise Cut
            return result

        monkeypatch.setattr(module, step, cut)
        with contextlib.suppress(Cut):
            rotate_file(Database(filled.path), path)
        monkeypatch.undo()
        assert self.all_is_there(filled.path, path)
        assert self.all_is_there(filled.path, path)

    def test_a_new_key_that_was_cut_in_half_is_taken_away(self, filled: Database, path: Path) -> None:
        path.with_name('secret.key.new').write_text('half a ke')
        assert self.all_is_there(filled.path, path)
