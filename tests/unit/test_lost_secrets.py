"""A lost key costs the secrets, and nothing else; who must enter what again is told."""

from pathlib import Path

import pytest

from plumbus.config import Settings
from plumbus.engine import Engine

CLIENT = {
    'name': 'attic',
    'host': 'pi.local',
    'username': 'pi',
    'auth_method': 'password',
    'password': 'hunter2',
}


def engine(folder: Path) -> Engine:
    return Engine(Settings(_env_file=None, data_dir=folder))


def test_a_lost_key_costs_the_secrets_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = engine(tmp_path)
    client = first.clients.create(CLIENT)
    first.clients.create({**CLIENT, 'name': 'cellar', 'auth_method': 'key', 'password': None})
    assert first.clients.get(client.id).lost_secrets == []
    (tmp_path / 'keys' / 'secret.key').unlink()

    second = engine(tmp_path)
    second.start()
    try:
        assert 'attic (password)' in caplog.text
        assert 'cellar' not in caplog.text
        assert [one.lost_secrets for one in second.clients.all()] == [['password'], []]
        assert [(one.noun, one.whose, one.name) for one in second.secrets.lost()] == [
            ('client', 'attic', 'password')
        ]
        told = second.clients.test(client.id)
        assert 'enter the secret again' in (told.error or '')
        second.clients.update(client.id, {'password': 'hunter3'})
        assert second.clients.get(client.id).lost_secrets == []
        assert second.secrets.lost() == []
    finally:
        second.stop()
