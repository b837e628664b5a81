"""The configuration goes out as a document and comes into another server, with its secrets or without."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from httpx import ASGITransport, AsyncClient, Response

from plumbus.api.application import create_api
from plumbus.api.security import Gate
from plumbus.backup.targets import alias_of
from plumbus.engine import Engine
from tests.support.engines import running_engine

TOKEN = 'the-token-of-the-tests'
BEARER = {'Authorization': f'Bearer {TOKEN}'}
PASSWORD, HOOK, PING = 'fleeb juice 42', 'json://hook.lan/secret-path', 'https://ping.lan/secret-uuid'
PASSPHRASE = 'the schleem is repurposed'
KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f'


def fill(engine: Engine) -> None:
    engine.clients.create({'name': 'unused', 'host': 'x.lan', 'username': 'x'})
    engine.clients.delete(1)
    gate = engine.clients.create({'name': 'gate', 'host': 'gate.lan', 'username': 'hop'})
    pi = engine.clients.create(
        {'name': 'pi', 'host': 'pi.lan', 'username': 'pi', 'auth_method': 'password', 'password': PASSWORD, 'jump_client_id': gate.id}
    )  # fmt: skip
    engine.configuration.keys.pin(alias_of(pi.id), KEY)
    job = engine.jobs.create(
        {'client_id': pi.id, 'name': 'etc', 'source_paths': ['/etc'], 'schedule': '0 2 * * *', 'retention': {'keep_daily': 7}, 'ping_url': PING}
    )  # fmt: skip
    engine.notifications.create({'name': 'hook', 'url': HOOK, 'job_ids': [job.id]})


async def export(http: AsyncClient, **fields: Any) -> str:
    answer = await http.post('/api/configuration/export', json=fields)
    assert answer.status_code == 200, answer.text
    assert answer.headers['content-type'].startswith('application/yaml')
    return answer.text


async def take_in(http: AsyncClient, document: str, **fields: Any) -> Response:
    return await http.post('/api/configuration/import', json={'document': document, **fields})


@pytest.fixture
def filled(engine: Engine, api: AsyncClient) -> AsyncClient:
    fill(engine)
    return api


@pytest.fixture
async def other(tmp_path: Path) -> AsyncIterator[tuple[Engine, AsyncClient]]:
    """Another server, with a client of its own."""
    with running_engine(tmp_path / 'other', api_token=TOKEN) as engine:
        engine.clients.create({'name': 'mine', 'host': 'mine.lan', 'username': 'me'})
        transport = ASGITransport(create_api(engine, Gate(engine)))
        async with AsyncClient(transport=transport, base_url='http://plumbus', headers=BEARER) as http:
            yield engine, http


async def test_no_secret_goes_out_unasked(filled: AsyncClient) -> None:
    text = await export(filled)
    assert not any(secret in text for secret in (PASSWORD, HOOK, PING, 'secret-'))
    document = yaml.safe_load(text)
    assert [client['name'] for client in document['clients']] == ['gate', 'pi']
    assert document['jobs'][0]['retention']['keep_daily'] == 7


async def test_all_of_it_arrives_with_its_secrets(
    filled: AsyncClient, other: tuple[Engine, AsyncClient]
) -> None:
    text = await export(filled, passphrase=PASSPHRASE)
    assert not any(secret in text for secret in (PASSWORD, HOOK, PING, PASSPHRASE))
    engine, http = other
    told = (await take_in(http, text, passphrase=PASSPHRASE)).json()
    assert told['added'] == {'clients': ['gate', 'pi'], 'jobs': ['etc'], 'notifications': ['hook']}
    gate, pi = engine.clients.all()[1:]
    assert (pi.jump_client_id, pi.has_password) == (gate.id, True)
    assert engine.configuration.keys.pinned(alias_of(pi.id)) == KEY
    assert pi.host_key
    (job,) = engine.jobs.all()
    assert (job.client_id, job.schedule, job.retention.keep_daily) == (pi.id, '0 2 * * *', 7)
    assert job.ping_shown
    (target,) = engine.notifications.all()
    assert (target.job_ids, engine.notifications.targets.url_of(target.id)) == ([job.id], HOOK)


async def test_without_secrets_it_says_what_to_enter(
    filled: AsyncClient, other: tuple[Engine, AsyncClient]
) -> None:
    engine, http = other
    told = (await take_in(http, await export(filled))).json()
    assert told['notes'] == [
        'Enter the password of pi on its page.',
        'Add the notification hook again: its address is a secret, and not in this document.',
    ]
    assert [client.has_password for client in engine.clients.all()] == [False, False, False]
    assert engine.notifications.all() == []


async def test_a_second_time_changes_nothing(engine: Engine, filled: AsyncClient) -> None:
    before = [one.model_dump() for one in (*engine.clients.all(), *engine.jobs.all())]
    told = (await take_in(filled, await export(filled))).json()
    assert (told['added'], told['kept']) == (
        {'clients': [], 'jobs': [], 'notifications': []}, {'clients': ['gate', 'pi'], 'jobs': ['etc'], 'notifications': ['hook']},
    )  # fmt: skip
    assert [one.model_dump() for one in (*engine.clients.all(), *engine.jobs.all())] == before


async def test_a_dry_run_tells_and_keeps_nothing(
    filled: AsyncClient, other: tuple[Engine, AsyncClient]
) -> None:
    engine, http = other
    text = await export(filled, passphrase=PASSPHRASE)
    told = (await take_in(http, text, passphrase=PASSPHRASE, dry_run=True)).json()
    assert told['added'] == {'clients': ['gate', 'pi'], 'jobs': ['etc'], 'notifications': ['hook']}
    assert len(engine.clients.all()) == 1


@pytest.mark.parametrize(
    ('document', 'why'),
    [
        ('a: [', 'document: is no YAML'),
        ('just words', 'document: is no configuration of PLUMBUS'),
        ('plumbus: {format: 99}', 'was written by a newer PLUMBUS'),
        ('plumbus: {format: 1}\nclients: 7', 'something else than a list of named entries under clients'),
        ('plumbus: {format: 1}\nclients: [{id: 1, name: a, host: "-oProxyCommand=x", username: a}]', 'a client a that cannot be used: host'),
        ('plumbus: {format: 1}\nclients: [{id: 1, name: a, host: a, username: a, jump_client_id: 1}]', 'reached through each other'),
        ('plumbus: {format: 1}\njobs: [{name: a, client_id: 1}]', 'names no client of the job a'),
        ('plumbus: {format: 1}\nclients: [{id: 1, name: a, host: a, username: a}]\njobs: [{client_id: 1, name: b, source_paths: [/x], schedule: "* * * *"}]', 'a job b that cannot be used: schedule'),
        ('plumbus: !!python/object/apply:os.system ["true"]', 'document: is no YAML'),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named_and_nothing_is_kept(
    engine: Engine, api: AsyncClient, document: str, why: str
) -> None:
    answer = await take_in(api, document)
    assert (answer.status_code, why in answer.json()['error']) == (422, True), answer.text
    assert engine.clients.all() == []


async def test_another_passphrase_opens_nothing(
    filled: AsyncClient, other: tuple[Engine, AsyncClient]
) -> None:
    text = await export(filled, passphrase=PASSPHRASE)
    for wrong in ({}, {'passphrase': 'the grumbo is pushed through'}):
        answer = await take_in(other[1], text, **wrong)
        assert (answer.status_code, list(answer.json()['fields'])) == (422, ['passphrase'])
    answer = await filled.post('/api/configuration/export', json={'passphrase': 'short'})
    assert answer.status_code == 422
