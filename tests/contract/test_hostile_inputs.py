"""Every field of every route gets what no field is meant for: it is refused by its name, or kept and told as it is; nothing else happens."""

import json
import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio.to_thread
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from plumbus.api.application import create_api
from plumbus.api.security import Gate
from plumbus.config import Settings
from plumbus.engine import Engine
from plumbus.services import users
from plumbus.store import seal
from tests.support.asgi import TOKEN, Got, ask
from tests.support.fake_engine import ScriptedEngine
from tests.support.hostile_inputs import as_text, hostile

PASSWORD = 'glip-glop-5'
KEY = 'fleeb-key-7'
ANSWERS = {200, 201, 202, 204, 206, 400, 403, 404, 409, 413, 416, 422, 429, 502}
# Bodies that are right, each field of which is then replaced.
RIGHT: dict[str, dict[str, Any]] = {
    'ClientFields': {'name': 'attic', 'host': '127.0.0.1', 'port': 1, 'username': 'pi'},
    'JobFields': {'client_id': 1, 'name': 'home', 'source_paths': ['/home'], 'retention': {'keep_last': 1}},
    'SchedulePreviewRequest': {'schedule': '0 2 * * *'},
    'TrustRequest': {'fingerprint': 'SHA256:' + 'A' * 43},
    'InstallKeyRequest': {'password': 'x'},
    'RestoreRequest': {'client_id': 1},
    'PruneFields': {'dry_run': True, 'retention': {'keep_last': 1}},
}
SECRETS = {'password', 'private_key'}
TEXTS, OTHERS = True, False
LISTS = {'source_paths', 'excludes', 'paths'}
STREAMED = ('/log', '/events', '/download', '/preview')


def described() -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix='plumbus-hostile-'))
    try:
        engine = Engine(Settings(_env_file=None, data_dir=folder))
        return create_api(engine, Gate(engine)).openapi()
    finally:
        shutil.rmtree(folder)


DESCRIPTION = described()
OPERATIONS = [(method.upper(), path) for path, methods in DESCRIPTION['paths'].items() for method in methods]


class House:
    """An API with one client, one job and one backup behind it, on a disk in memory."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(_env_file=None, data_dir=folder / 'data', api_token=TOKEN, timezone='UTC')
        self.canary = folder / 'canary'
        self.folder = folder
        self.engine = ScriptedEngine(settings)
        self.engine.start()
        self.api: FastAPI = create_api(self.engine, Gate(self.engine))
        self.fill()

    def fill(self) -> None:
        secret = {'password': PASSWORD, 'private_key': KEY, 'auth_method': 'password'}
        client = self.engine.clients.create({**RIGHT['ClientFields'], **secret})
        job = self.engine.jobs.create({**RIGHT['JobFields'], 'client_id': client.id})
        backup = self.engine.backups.wait(self.engine.jobs.run(job.id).id, 60)
        self.ids = {'client_id': client.id, 'job_id': job.id, 'backup_id': backup.id, 'against': backup.id}

    def sound(self, got: Got, what: str) -> None:
        """Whatever came: an answer as the contract has it, without anything that nobody may know."""
        assert got.status in ANSWERS, (what, got.status, got.body[:300])
        for hidden in (PASSWORD, KEY, TOKEN, str(self.folder / 'data'), 'Traceback', '.py", line'):
            assert hidden.encode() not in got.body, (what, hidden)
        if got.status >= 400:
            told = got.json
            assert told['success'] is False, what
            assert isinstance(told['error'], str), what
            assert len(told['error']) < 3000, what


@pytest.fixture
def house(quick_hashes: None) -> Iterator[House]:
    parent = '/dev/shm' if Path('/dev/shm').is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix='plumbus-hostile-', dir=parent))
    made = House(folder)
    yield made
    made.engine.stop()
    assert not made.canary.exists(), 'something was executed'
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        users, 'PasswordHasher', partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    )
    monkeypatch.setitem(seal.COST, 'n', 2)


@pytest.fixture(autouse=True)
def without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request hops into threads ten times, which is most of its time here."""

    async def at_once(function: Callable[..., Any], *arguments: Any, **_: Any) -> Any:
        return function(*arguments)

    monkeypatch.setattr(anyio.to_thread, 'run_sync', at_once)


@pytest.fixture(autouse=True)
def clean_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No error, no secret, and no line that an input made."""
    yield
    for record in caplog.get_records('call'):
        if not logging.getLogger(record.name).propagate:
            continue  # pytest hears it, no log does: Apprise talks of URLs to itself
        told = record.getMessage()
        assert record.levelno < logging.ERROR, told
        assert not [secret for secret in (PASSWORD, KEY, TOKEN) if secret in told]


def schema_of(operation: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    content = operation.get('requestBody', {}).get('content', {})
    reference = content.get('application/json', {}).get('schema', {}).get('$ref', '')
    name = reference.rpartition('/')[2]
    return name, DESCRIPTION['components']['schemas'].get(name, {})


def right_body(name: str, ids: dict[str, int]) -> dict[str, Any]:
    changed = {'ClientChanges': {}, 'JobChanges': {}}
    body = deepcopy(RIGHT.get(name, changed.get(name, {})))
    return {field: ids.get(field, value) for field, value in body.items()}


def filled(path: str, ids: dict[str, int]) -> str:
    """The address with ids of what is there."""
    return re.sub(r'{(\w+)}', lambda match: str(ids.get(match[1], 1)), path)


def fields_of(schema: dict[str, Any], kind: bool) -> Iterator[tuple[str, ...]]:
    """Names of the fields that are texts, or of the others; and of those inside of one."""
    for name, field in schema.get('properties', {}).items():
        choices = [field, *field.get('anyOf', []), *field.get('allOf', [])]
        inner = [
            DESCRIPTION['components']['schemas'].get(one.get('$ref', '').rpartition('/')[2], {})
            for one in choices
        ]
        if any(_is_text(one) for one in choices) is kind:
            yield (name,)
        for one in inner:
            yield from ((name, *below) for below in fields_of(one, kind))


def _is_text(field: dict[str, Any]) -> bool:
    return field.get('type') == 'string' or field.get('items', {}).get('type') == 'string'


def replaced(body: dict[str, Any], field: tuple[str, ...], value: Any) -> dict[str, Any]:
    first, *rest = field
    if rest and not isinstance(body.get(first, {}), dict):
        return body  # another input stands there
    if first == 'source_path':  # stands alone, for source_paths
        body = {name: known for name, known in body.items() if name != 'source_paths'}
    if rest:
        return {**body, first: {**body.get(first, {}), rest[0]: value}}
    return {**body, first: value}


def encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


def kept_literally(told: Any, sent: Any) -> bool:
    """Whether what is told is what was sent, but for the spaces around it, // in a path, and = after a fingerprint."""
    if isinstance(told, str) and isinstance(sent, str):
        path = '/' + '/'.join(part for part in sent.split('/') if part not in {'', '.'})
        return told in {sent, sent.strip(), path, sent.rstrip('=')}
    if isinstance(told, list) and isinstance(sent, list):
        return len(told) == len(sent) and all(map(kept_literally, told, sent))
    return True


# Where a rule is about two fields, the other one may be named.
RELATED = {
    'dry_run': 'retention',
    'auth_method': 'password',
    'source_path': 'source_paths',
    'timezone': 'schedule',
}


@pytest.mark.parametrize(('method', 'path'), OPERATIONS)
async def test_every_text_of_every_body(house: House, method: str, path: str) -> None:
    name, schema = schema_of(DESCRIPTION['paths'][path][method.lower()])
    for number, field in enumerate(fields_of(schema, TEXTS)):
        inputs = hostile(house.canary)
        if name.endswith('Changes'):  # is checked as the whole is, each field of which gets all of them
            inputs = inputs[number % 7 :: 7]
        for value in inputs:
            sent = [value] if field[0] in LISTS and isinstance(value, str) else value
            body = replaced(right_body(name, house.ids), field, sent)
            got = await ask(house.api, method, filled(path, house.ids), body=encoded(body))
            what = f'{method} {path} {field} {sent!r:.100}'
            house.sound(got, what)
            if got.status == 422 and (name in RIGHT or name.endswith('Changes')):
                assert {field[0], RELATED.get(field[0])} & got.json['fields'].keys(), (what, got.body)
            if (
                got.status in {200, 201}
                and got.body.startswith(b'{')
                and field[0] in got.json
                and field[0] not in SECRETS
            ):
                assert kept_literally(got.json[field[0]], sent), (what, got.json[field[0]])


@pytest.mark.parametrize(('method', 'path'), OPERATIONS)
async def test_every_number_and_switch_of_every_body(house: House, method: str, path: str) -> None:
    """All of them at once, each with another input: what is wrong is named, whatever else is wrong too."""
    name, schema = schema_of(DESCRIPTION['paths'][path][method.lower()])
    fields, inputs = list(fields_of(schema, OTHERS)), hostile(house.canary)
    for number in range(len(inputs)) if fields else ():
        body = right_body(name, house.ids)
        for place, field in enumerate(fields):
            body = replaced(body, field, inputs[(number + 7 * place) % len(inputs)])
        got = await ask(house.api, method, filled(path, house.ids), body=encoded(body))
        house.sound(got, f'{method} {path} {body!r:.2000}')
        if got.status == 422 and (name in RIGHT or name.endswith('Changes')):
            assert got.json['fields'].keys() & {field[0] for field in fields}, (body, got.body)


@pytest.mark.parametrize(('method', 'path'), OPERATIONS)
async def test_every_parameter_of_every_address(house: House, method: str, path: str) -> None:
    parameters = DESCRIPTION['paths'][path][method.lower()].get('parameters', [])
    asked = {one['name']: one for one in parameters if one['in'] == 'query'}
    needed = '&'.join(
        f'{name}={house.ids.get(name, "x")}' for name, one in asked.items() if one.get('required')
    )
    for parameter in asked:
        others = '&'.join(pair for pair in needed.split('&') if not pair.startswith(f'{parameter}='))
        for value in hostile(house.canary):
            query = f'{others}&{parameter}={quote(as_text(value)[:20_000], safe="", errors="surrogatepass")}'
            got = await ask(house.api, method, filled(path, house.ids), query=query)
            what = f'{method} {path}?{parameter}={value!r:.100}'
            if not path.endswith(STREAMED) or got.status >= 400:
                house.sound(got, what)
            if got.status == 422:
                assert parameter in got.json['fields'], (what, got.body)


@pytest.mark.parametrize(('method', 'path'), OPERATIONS)
async def test_every_id_of_every_address(house: House, method: str, path: str) -> None:
    # An id has one type for all: each address gets a third of the inputs.
    before, brace, after = path.partition('{')
    rest = after.partition('}')[2]
    for value in hostile(house.canary)[len(path) % 3 :: 3] if brace else ():
        text = as_text(value)[:20_000]
        got = await ask(house.api, method, f'{before}{text}{rest}')
        house.sound(got, f'{method} {path} {text!r:.100}')
        with suppress(ValueError, OverflowError):
            if float(text) == int(float(text)) >= 0:
                continue  # an id like any other, if in a form of its own
        assert got.status in {400, 404, 405, 422}, (path, text, got.status, got.body[:200])
