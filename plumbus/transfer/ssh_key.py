"""Reads the private key to log in with, in whatever form ssh reads it too."""

import io

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from plumbus.errors import ClientError
from plumbus.transfer.keys import Keys
from plumbus.transfer.target import Target

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey


def load_private_key(target: Target, keys: Keys) -> paramiko.PKey:
    """Given a target with key login, return its key. Raise ClientError if it cannot be read or used."""
    key = _loaded(_text(target, keys))
    form = serialization.PrivateFormat.OpenSSH  # the one form that paramiko reads for every type
    text = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    if isinstance(key, Ed25519PrivateKey):
        return paramiko.Ed25519Key.from_private_key(io.StringIO(text))
    if isinstance(key, RSAPrivateKey):
        return paramiko.RSAKey.from_private_key(io.StringIO(text))
    return paramiko.ECDSAKey.from_private_key(io.StringIO(text))


def _text(target: Target, keys: Keys) -> bytes:
    if target.private_key:
        return target.private_key.replace('\r\n', '\n').strip().encode() + b'\n'
    path = target.key_file(keys)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ClientError(
            f'The private key {path.name} on the PLUMBUS server cannot be read: {error.strerror}.',
            'Correct the mode and owner of that file.',
            'key_file',
        ) from error


def _loaded(text: bytes) -> PrivateKey:
    is_openssh = b'BEGIN OPENSSH PRIVATE KEY' in text
    load = serialization.load_ssh_private_key if is_openssh else serialization.load_pem_private_key
    try:
        key = load(text, None)
    except TypeError as error:
        raise ClientError(
            'The private key is protected by a passphrase, which PLUMBUS cannot type.',
            'Give it a key without one: ssh-keygen -p takes it off, or use the own key of PLUMBUS.',
            'key_file',
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _useless() from error
    if not isinstance(key, PrivateKey):
        raise _useless()
    return key


def _useless() -> ClientError:
    return ClientError(
        'The private key is damaged, or not of a kind that PLUMBUS can use.',
        'Give it a whole ed25519, ECDSA or RSA key in the form of OpenSSH or PEM, with its BEGIN and END lines.',
        'key_file',
    )
