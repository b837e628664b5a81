"""Secrets at rest: readable with the key, and with nothing else."""

import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from plumbus.errors import StoreError
from plumbus.store.database import Database
from plumbus.store.vault import Vault, load_key

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
        worker.join(30)
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
