"""PLUMBUS's own SSH identity, and the host keys it has pinned. Both lie in one folder that only its owner can enter."""

import base64
import binascii
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from plumbus.errors import InvalidInput, StoreError

KEY_LINE = re.compile(r'(?P<kind>[a-z0-9@.-]+) (?P<blob>[A-Za-z0-9+/]+={0,2})')
ALIAS = re.compile(r'[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?')
COMMENT = 'plumbus'


class Keys:
    """Given a folder, keep the identity and the pinned host keys in it. Thread-safe; nothing is made before its use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()

    @property
    def folder(self) -> Path:
        """The folder, made with mode 0700. Raise StoreError if that cannot be."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
        except OSError as error:
            raise _unusable(self._folder, error) from error
        return self._folder

    @property
    def has_identity(self) -> bool:
        """Whether PLUMBUS has a private key of its own already."""
        return (self._folder / 'id_ed25519').exists()

    @property
    def identity_path(self) -> Path:
        """The private key, made at first use. Raise StoreError if it cannot be made."""
        path = self.folder / 'id_ed25519'
        with self._lock:
            if not path.exists():
                self._make_identity(path)
        return path

    @property
    def public_key(self) -> str:
        """The line for `authorized_keys`. Raise StoreError if the private key cannot be read."""
        path = self.identity_path
        try:
            key = serialization.load_ssh_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise StoreError(
                f'The SSH key {path.name} in the keys folder cannot be read.',
                'Bring it back from a backup, or move it away: a new one is made, to be installed on every client.',
            ) from error
        encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        return f'{key.public_key().public_bytes(encoding, form).decode()} {COMMENT}'

    @property
    def known_hosts_path(self) -> Path:
        """The pinned host keys in OpenSSH's format, one line `alias type key` for each; it may not exist yet."""
        return self.folder / 'known_hosts'

    def pin(self, alias: str, key_line: str) -> None:
        """Given an alias and `type key`, trust this key and no other from now on. Raise InvalidInput if it is none."""
        check_alias(alias)
        fingerprint(key_line)
        with self._lock:
            self._write_pins({**self._read_pins(), alias: key_line.strip()})

    def pinned(self, alias: str) -> str | None:
        """Given an alias, return the pinned key as `type key`, or None."""
        with self._lock:
            return self._read_pins().get(alias)

    def forget(self, alias: str) -> None:
        """Given an alias, trust no key of it any more; the next connection test pins anew."""
        with self._lock:
            pins = self._read_pins()
            if pins.pop(alias, None):
                self._write_pins(pins)

    def _make_identity(self, path: Path) -> None:
        private = Ed25519PrivateKey.generate()
        text = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        try:
            _write(path, text, replace=False)
            _write(path.with_suffix('.pub'), f'{self.public_key}\n'.encode())
        except OSError as error:
            raise _unusable(path, error) from error

    def _read_pins(self) -> dict[str, str]:
        try:
            lines = self.known_hosts_path.read_text(encoding='ascii', errors='replace').splitlines()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _unusable(self.known_hosts_path, error) from error
        return {
            alias: key_line for alias, space, key_line in (line.partition(' ') for line in lines) if space
        }

    def _write_pins(self, pins: Mapping[str, str]) -> None:
        text = ''.join(f'{alias} {key_line}\n' for alias, key_line in sorted(pins.items()))
        try:
            _write(self.known_hosts_path, text.encode())
        except OSError as error:
            raise _unusable(self.known_hosts_path, error) from error


def fingerprint(key_line: str) -> str:
    """Given `type key`, return `SHA256:…` as ssh-keygen -l prints it. Raise InvalidInput if it is no key."""
    match = KEY_LINE.fullmatch(key_line.strip())
    try:
        blob = base64.b64decode(match['blob'] if match else '', validate=True)
    except binascii.Error:
        blob = b''
    # The key itself begins with the length and the name of its type (RFC 4253, section 6.6).
    kind = match['kind'].encode() if match else b''
    if not match or not blob.startswith(len(kind).to_bytes(4, 'big') + kind):
        raise InvalidInput({'host_key': 'must be a public host key like ssh-ed25519 AAAA…'})
    return f'SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")}'


def check_alias(alias: str) -> str:
    """Given the name under which ssh knows a client, return it. Raise InvalidInput if ssh could misread it."""
    if not ALIAS.fullmatch(alias):
        raise InvalidInput({'alias': 'must be of small letters, digits and hyphens'})
    return alias


def _write(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write all or nothing, with mode 0600. With `replace` off a file that is there already wins."""
    handle, temporary = tempfile.mkstemp(prefix=f'.{path.name}-', dir=path.parent)
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replace or not path.exists():
            Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f'The keys folder cannot be used: {path.name}: {error.strerror}.',
        'Check that the data dir belongs to the user who runs PLUMBUS and has room.',
    )
