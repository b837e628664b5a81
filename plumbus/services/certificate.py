"""The certificate for https: whether the two files of the settings belong together and hold, before a browser finds out."""

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from plumbus.config import Settings
from plumbus.errors import PlumbusError

HOW_TO = 'See “https” in docs/security.md.'


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """Two PEM files, and until when the first of them is valid."""

    chain: Path
    key: Path
    valid_until: datetime


def certificate(settings: Settings) -> Certificate | None:
    """Given the settings, return the certificate to serve with, None for plain http.

    Raise PlumbusError if one of the two files is not named, cannot be read, or they do not belong together.
    """
    chain, key = settings.tls_cert, settings.tls_key
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        missing = 'PLUMBUS_TLS_CERT' if chain is None else 'PLUMBUS_TLS_KEY'
        raise PlumbusError(
            f'{missing} is missing: https needs a certificate and its key.', 'Set both, or neither.'
        )
    return Certificate(chain=chain, key=key, valid_until=_end_of(chain, key))


def _end_of(chain: Path, key: Path) -> datetime:
    if b'ENCRYPTED' in _readable(
        key, 'PLUMBUS_TLS_KEY'
    ):  # OpenSSL would ask for the passphrase at the terminal
        raise PlumbusError(
            'The key of PLUMBUS_TLS_KEY is protected by a passphrase, which PLUMBUS cannot type.', HOW_TO
        )
    text = _readable(chain, 'PLUMBUS_TLS_CERT')
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key)
        return x509.load_pem_x509_certificates(text)[0].not_valid_after_utc
    except ssl.SSLError as error:
        raise PlumbusError(_reason(error), HOW_TO) from None
    except ValueError:
        raise PlumbusError('The file of PLUMBUS_TLS_CERT holds no certificate in PEM form.', HOW_TO) from None


def _readable(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PlumbusError(
            f'The file of {setting} cannot be read: {error.strerror}.',
            f'Correct {setting}, or the owner and mode of the file.',
        ) from None


def _reason(error: ssl.SSLError) -> str:
    if error.reason == 'KEY_VALUES_MISMATCH':
        return 'The key of PLUMBUS_TLS_KEY is not the one of the certificate of PLUMBUS_TLS_CERT.'
    return 'The files of PLUMBUS_TLS_CERT and PLUMBUS_TLS_KEY are not a certificate and its key in PEM form.'
