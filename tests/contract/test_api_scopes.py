"""Every route of the API, whoever adds it: closed to strangers, and to everybody who may less than the table says."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import chain
from typing import Any

import pytest
from argon2 import PasswordHasher
from httpx import ASGITransport, AsyncClient
from starlette.routing import Mount

from plumbus.api.access import OPEN, SCOPES, needed
from plumbus.api.application import create_api
from plumbus.api.security import Gate
from plumbus.model import Role, Scope
from plumbus.services.rights import RIGHTS
from tests.contract.test_api_access import assert_problem
from tests.support.fake_engine import ScriptedEngine

PASSWORD = 'fleeb juice 42'
HARMLESS = {'/api/jobs/{job_id}/prune': {'dry_run': True}}
ROLES = {role.scope: role for role in Role}


def routes_of(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Every method and path that is declared; of a folder of files, one that is in it."""
    for route in routes:
        if inner := getattr(route, 'original_router', None):
            yield from routes_of(inner.routes)
        elif isinstance(route, Mount):
            yield 'GET', f'{route.path}/swagger-ui.css'
        else:
            yield from ((method, route.path) for method in route.methods - {'HEAD'})


@pytest.fixture
def routes(engine: ScriptedEngine) -> list[tuple[str, str]]:
    found = sorted(set(routes_of(create_api(engine, Gate(engine)).routes)))
    assert len(found) > 50
    return found


@pytest.fixture
async def visitors(engine: ScriptedEngine) -> AsyncIterator[dict[Scope, list[AsyncClient]]]:
    """For each scope a program with a token of that scope, and a browser of a user with that role."""
    made: dict[Scope, list[AsyncClient]] = {}
    engine.users._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    engine.accounts.create_first_user('', PASSWORD, loopback=True)
    transport = ASGITransport(create_api(engine, Gate(engine)), raise_app_exceptions=False)
    for scope, role in ROLES.items():
        token = engine.tokens.create({'name': scope, 'scope': scope}).text
        engine.users.create({'username': role + 's', 'role': role, 'password': PASSWORD})
        session = engine.accounts.login(role + 's', PASSWORD)
        made[scope] = [
            AsyncClient(transport=transport, base_url='http://testserver', headers={'Authorization': f'Bearer {token}'}),
            AsyncClient(transport=transport, base_url='http://testserver', cookies={'plumbus_session': session}),
        ]  # fmt: skip
    yield made
    for client in chain.from_iterable(made.values()):
        await client.aclose()


def spelled_out(path: str) -> str:
    return re.sub(r'{[^}]+}', '7777', path)


async def test_every_route_is_closed_to_strangers(
    stranger: AsyncClient, routes: list[tuple[str, str]]
) -> None:
    for method, path in routes:
        if f'{method} {path}' not in OPEN:
            assert_problem(await stranger.request(method, spelled_out(path)), 401)


async def test_what_is_open_is_little(routes: list[tuple[str, str]]) -> None:
    assert {f'{method} {path}' for method, path in routes} >= OPEN
    assert len(OPEN) <= 8


async def test_every_route_needs_its_scope(
    visitors: dict[Scope, list[AsyncClient]], routes: list[tuple[str, str]]
) -> None:
    for method, path in routes:
        if '/assets/' in path or f'{method} {path}' in OPEN:
            continue
        wanted = Scope.READ if path == '/api/openapi.json' else needed(method, path)
        assert wanted
        for scope, clients in visitors.items():
            for client in clients:
                answer = await client.request(method, spelled_out(path), json=HARMLESS.get(path))
                refused = answer.status_code in {401, 403}
                assert refused is not scope.covers(wanted), (method, path, scope, answer.text[:200])


async def test_a_route_that_nobody_thought_of_needs_an_admin(
    engine: ScriptedEngine, visitors: dict[Scope, list[AsyncClient]]
) -> None:
    api = create_api(engine, Gate(engine))
    api.add_api_route('/api/forgotten', lambda: {'secret': 1}, methods=['GET'])
    for scope, clients in visitors.items():
        transport = ASGITransport(api, raise_app_exceptions=False)
        for client in clients:
            headers, cookies = client.headers, client.cookies
            async with AsyncClient(
                transport=transport, base_url='http://testserver', headers=headers, cookies=cookies
            ) as again:
                answer = await again.get('/api/forgotten')
                assert answer.status_code == (200 if scope is Scope.ADMIN else 403)


def test_the_table_names_no_route_that_is_not_there(routes: list[tuple[str, str]]) -> None:
    known = {f'{method} {path}' for method, path in routes} | {'GET /metrics'}
    assert set(SCOPES) <= known


def test_the_table_of_rights_names_nothing_that_is_not_there(engine: ScriptedEngine) -> None:
    for operation in RIGHTS:
        part, name = operation.split('.')
        assert hasattr(getattr(engine, part), name), operation


async def test_an_operator_restores_to_the_original_place_alone(
    visitors: dict[Scope, list[AsyncClient]], engine: ScriptedEngine, client_id: int, backup_id: int
) -> None:
    path = f'/api/backups/{backup_id}/restore'
    for client in visitors[Scope.RUN]:
        for fields in (
            {'restore_path': '/srv/elsewhere'},
            {'client_id': client_id + 1},
            {'delete': True},
            {'to_server': True},
            {'a_field_of_tomorrow': 1},
            {'delete': True, 'dry_run': True},
        ):
            assert_problem(await client.post(path, json=fields), 403)
        for fields in ({}, {'client_id': client_id}, {'dry_run': True, 'delete': False, 'safety_copy': True}):
            assert (await client.post(path, json=fields)).status_code not in {401, 403}
    for client in visitors[Scope.ADMIN]:
        answer = await client.post(path, json={'restore_path': '/srv/elsewhere'})
        assert answer.status_code not in {401, 403}


async def test_who_may_only_look_may_try_a_retention_but_not_prune(
    visitors: dict[Scope, list[AsyncClient]], job_id: int
) -> None:
    for client in visitors[Scope.READ]:
        assert (await client.post(f'/api/jobs/{job_id}/prune', json={'dry_run': True})).status_code == 200
        for fields in ({}, {'dry_run': False}, {'dry_run': 1}):
            assert_problem(await client.post(f'/api/jobs/{job_id}/prune', json=fields), 403)


async def test_no_contents_leave_but_by_an_admin(
    visitors: dict[Scope, list[AsyncClient]], backup_id: int
) -> None:
    for scope in (Scope.READ, Scope.RUN):
        for client in visitors[scope]:
            for way in ('download', 'preview?path=/etc/shadow', 'textdiff?against=1&path=/etc/shadow'):
                assert_problem(await client.get(f'/api/backups/{backup_id}/{way}'), 403)
            assert (await client.get(f'/api/backups/{backup_id}/files')).status_code not in {401, 403}
