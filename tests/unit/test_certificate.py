"""A wrong certificate is told before anybody is kept out by it."""

from pathlib import Path
from typing import Any

import pytest

from plumbus.commands import machine
from plumbus.errors import PlumbusError
from plumbus.services.certificate import certificate
from tests.support.certificates import write_certificate
from tests.support.engines import settings


def files(folder: Path, **options: Any) -> dict[str, Path]:
    named = write_certificate(folder, **options)
    return {'tls_cert': Path(named['PLUMBUS_TLS_CERT']), 'tls_key': Path(named['PLUMBUS_TLS_KEY'])}


def told(folder: Path, **fields: Any) -> str:
    with pytest.raises(PlumbusError) as wrong:
        certificate(settings(folder, **fields))
    assert wrong.value.remedy
    return wrong.value.message


def test_a_pair_is_accepted(tmp_path: Path) -> None:
    pair = files(tmp_path)
    found = certificate(settings(tmp_path, **pair))
    assert found
    assert (found.chain, found.key) == (pair['tls_cert'], pair['tls_key'])
    assert certificate(settings(tmp_path)) is None


def test_a_wrong_pair_is_told(tmp_path: Path) -> None:
    pair, other = files(tmp_path), files(tmp_path, name='other')
    (tmp_path / 'nothing').write_text('no certificate')
    assert told(tmp_path, tls_cert=pair['tls_cert']).startswith('PLUMBUS_TLS_KEY is missing')
    assert told(tmp_path, tls_key=pair['tls_key']).startswith('PLUMBUS_TLS_CERT is missing')
    assert 'is not the one of the certificate' in told(
        tmp_path, tls_cert=pair['tls_cert'], tls_key=other['tls_key']
    )
    assert 'not a certificate and its key' in told(
        tmp_path, tls_cert=tmp_path / 'nothing', tls_key=pair['tls_key']
    )
    gone = told(tmp_path, tls_cert=tmp_path / 'gone', tls_key=pair['tls_key'])
    assert gone == 'The file of PLUMBUS_TLS_CERT cannot be read: No such file or directory.'


def test_a_key_with_a_passphrase_does_not_stop_at_a_question(tmp_path: Path) -> None:
    assert 'passphrase' in told(tmp_path, **files(tmp_path, passphrase=b'fleeb juice'))


@pytest.mark.parametrize(('days', 'level', 'words'), [(30, 'ok', 'valid until'), (5, 'warning', 'ends on'), (-1, 'warning', 'ended on')])  # fmt: skip
def test_check_tells_when_it_ends(tmp_path: Path, days: int, level: str, words: str) -> None:
    [found] = machine.check_certificate(settings(tmp_path, **files(tmp_path, days=days)))
    assert found.level == level
    assert words in found.message
