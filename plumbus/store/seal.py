"""Secrets that leave the data folder in an export: sealed with a passphrase that only people know."""

import base64
import os

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from plumbus.errors import InvalidInput

SALT_BYTES = 16
WORD = 'plumbus'
# What RFC 7914 advises for files, made dearer as machines got quicker (OWASP, "Password Storage").
COST = {'n': 2**17, 'r': 8, 'p': 1}


class Seal:
    """Seals and opens with one passphrase. `salt` and `proof` belong into the export; they tell nothing of it."""

    def __init__(self, passphrase: str, salt: bytes) -> None:
        key = Scrypt(salt=salt, length=32, **COST).derive(passphrase.encode())
        self._cipher = Fernet(base64.urlsafe_b64encode(key))
        self.salt = salt.hex()

    @classmethod
    def new(cls, passphrase: str) -> 'Seal':
        """Given a passphrase, make a seal with a salt of its own."""
        return cls(passphrase, os.urandom(SALT_BYTES))

    @classmethod
    def known(cls, passphrase: str, salt: object, proof: object) -> 'Seal':
        """Given the passphrase and what the export tells, return the seal. Raise InvalidInput if it is not that passphrase."""
        try:
            seal = cls(passphrase, bytes.fromhex(str(salt)))
            if seal.open(str(proof)) == WORD:
                return seal
        except (ValueError, InvalidToken):
            pass
        raise InvalidInput({'passphrase': 'is not the one that this export was made with'})

    @property
    def proof(self) -> str:
        """By which the right passphrase is known again."""
        return self.close(WORD)

    def close(self, secret: str) -> str:
        """Given a secret, return it sealed."""
        return self._cipher.encrypt(secret.encode()).decode('ascii')

    def open(self, sealed: str) -> str:
        """Given what was sealed, return it. Raise InvalidToken if it is damaged."""
        return self._cipher.decrypt(sealed).decode()
