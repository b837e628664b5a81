"""Secrets at rest: encrypted one by one with a key that does not lie in the database."""

import base64
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import SecretStr

from plumbus.errors import StoreError
from plumbus.model import Record
from plumbus.store.database import Database
from plumbus.store.disk import make_private_folder, plain_errors, sync_folder, write_beside
from plumbus.store.documents import Documents

SALT = b'plumbus vault'
MOST_KNOWN = 10_000


class StoredSecret(Record):
    """One encrypted secret and whose it is."""

    owner: str
    name: str
    token: str


class Vault:
    """Keeps secrets under an owner (like 'client:3') and a name (like 'password'). Thread-safe."""

    def __init__(self, database: Database, key: str) -> None:
        self._database = database
        self._secrets = Documents(database, 'secrets', StoredSecret)
        self._cipher = _cipher(key)
        self._known = dict[str, bool]()

    def put(self, owner: str, name: str, secret: str) -> None:
        """Given a secret, keep it encrypted instead of what was there."""
        token = self._cipher.encrypt(secret.encode()).decode('ascii')
        with self._database.transaction():
            self.forget(owner, name)
            self._secrets.add(StoredSecret(owner=owner, name=name, token=token))

    def get(self, owner: str, name: str) -> str | None:
        """Return the secret, or None if there is none. Raise StoreError if the key is not the one it was kept with."""
        found = self._find(owner, name)
        if not found:
            return None
        try:
            return self._cipher.decrypt(found[0].token).decode()
        except InvalidToken:
            raise StoreError(
                f'The stored {name.replace("_", " ")} cannot be decrypted: the secret key is another than when it was saved.',
                'Put back keys/secret.key or PLUMBUS_SECRET_KEY as it was, or enter the secret again.',
            ) from None

    def has(self, owner: str, name: str) -> bool:
        """Return whether such a secret is kept."""
        return bool(self._find(owner, name))

    def forget(self, owner: str, name: str | None = None) -> None:
        """Given an owner, remove the named secret, or all of the owner's."""
        with self._database.transaction():
            for found in self._find(owner, name):
                self._secrets.remove(found.id)

    def unreadable(self) -> list[tuple[str, str]]:
        """Return owner and name of each secret that was kept with another key."""
        return [(one.owner, one.name) for one in self._secrets.all() if not self._opens(one)]

    def opens_any(self) -> bool:
        """Return whether the key opens at least one of the secrets."""
        return any(self._opens(one) for one in self._secrets.all())

    def count(self) -> int:
        """Return how many secrets are kept."""
        return self._secrets.count()

    def rotate(self, key: str) -> int:
        """Given another key, encrypt everything anew with it, all or nothing, and return how much that was.

        What this key does not open stays as it is. Put the new key in its place before anything else reads the vault.
        """
        cipher = _cipher(key)
        with self._database.transaction():
            readable = [one for one in self._secrets.all() if self._opens(one)]
            for one in readable:
                token = cipher.encrypt(self._cipher.decrypt(one.token)).decode('ascii')
                self._secrets.set(one.id, token=token)
        return len(readable)

    def _opens(self, kept: StoredSecret) -> bool:
        if kept.token not in self._known:
            try:
                self._cipher.decrypt(kept.token)
                opens = True
            except InvalidToken:
                opens = False
            self._known = {**self._known, kept.token: opens} if len(self._known) < MOST_KNOWN else {}
            return opens
        return self._known[kept.token]

    def _find(self, owner: str, name: str | None) -> list[StoredSecret]:
        page = self._secrets.select(
            lambda document: document.get('owner') == owner and name in {None, document.get('name')},
            limit=1000,
        )
        return list(page.items)


def new_key() -> str:
    """Return a key that nobody has."""
    return Fernet.generate_key().decode('ascii')


def open_vault(database: Database, secret_key: SecretStr | None, path: Path) -> Vault:
    """Given the database and where its key is, return the vault; a rotation of the key that was cut off is settled first."""
    if secret_key is None:
        settle_rotation(database, path)
    return Vault(database, load_key(secret_key, path))


def rotate_file(database: Database, path: Path) -> int:
    """Given the database and the file of its key, encrypt everything with a new key and put that in its place.

    Return how many secrets that were. Cut off at any moment, the next `open_vault` settles it: what is stored and the key
    that opens it never part.
    """
    settle_rotation(database, path)
    vault, key = Vault(database, load_key(None, path)), new_key()
    with plain_errors(f'{path.parent.name}/{path.name}'), database.transaction():
        write_beside(path, [key.encode() + b'\n'])
        sync_folder(path.parent)
        number = vault.rotate(key)
    settle_rotation(database, path, wanted=key)
    return number


def settle_rotation(database: Database, path: Path, wanted: str = '') -> None:
    """Given the file of the key, put a new key beside it in its place if that opens what is stored, or is the wanted one;
    else take it away."""
    beside = path.with_name(f'{path.name}.new')
    if not beside.exists():
        return
    with plain_errors(f'{path.parent.name}/{path.name}'), database.transaction():
        if not beside.exists():  # another process was quicker
            return
        key = beside.read_text('ascii', errors='replace').strip()
        whole = _is_fernet_key(key)
        if whole and (key == wanted or Vault(database, key).opens_any()):
            os.replace(beside, path)
        else:
            beside.unlink()
        sync_folder(path.parent)


def load_key(secret_key: SecretStr | None, path: Path) -> str:
    """Given the configured key, if any, return it; else return the key in `path`, made at the first start.

    Raise StoreError if the file cannot be made or holds no key.
    """
    if secret_key is not None:
        return secret_key.get_secret_value()
    with plain_errors(f'{path.parent.name}/{path.name}'):
        if not path.exists():
            _make_key(path)
        key = path.read_text('ascii', errors='replace').strip()
    if not _is_fernet_key(key):
        raise StoreError(
            f'{path.parent.name}/{path.name} holds no key.',
            'Put back a copy of it; only without stored passwords and private keys may it be deleted.',
        )
    return key


def _make_key(path: Path) -> None:
    make_private_folder(path.parent)
    # A link, unlike a rename, never replaces the key that another thread or process made at the same moment.
    beside, _ = write_beside(path.with_name(f'{path.name}.{token_hex(8)}'), (Fernet.generate_key(), b'\n'))
    try:
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        beside.unlink()
    sync_folder(path.parent)


def _is_fernet_key(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key)) == 32
    except ValueError:
        return False


def _cipher(key: str) -> Fernet:
    """Given a Fernet key or any other text, return the cipher. Costs of scrypt: RFC 7914, for interactive use."""
    if _is_fernet_key(key):
        return Fernet(key)
    derived = Scrypt(salt=SALT, length=32, n=2**14, r=8, p=1).derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
