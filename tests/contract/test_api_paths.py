"""No path leads out of a snapshot, whatever route it is given to: the routes are taken from the API's own description."""

from typing import Any

import pytest
from httpx import AsyncClient

from plumbus.backup.manifest import Entry, ManifestWriter
from tests.contract.test_api_access import assert_problem
from tests.contract.test_api_downloads import FOLDER, address
from tests.support.fake_engine import ScriptedEngine

__all__ = ['address']

OUTSIDE = [
    '../../../../../etc/shadow', '/../../../../../etc/shadow', '/home/../../../../../../etc/shadow', '%2e%2e/%2e%2e/etc/shadow', '/%2e%2e/etc/shadow',
    '..%2f..%2fetc%2fshadow', '/etc/shadow', '/etc/passwd', '/home/etc/shadow', '/home/etc/passwd', '/home/shadow/x', '/home\0', '\0', '/home/pi/\0/x',
    '\\#056\\#056/etc/shadow', '/home/\\#000', '//../etc/shadow', '/home/./../../etc/shadow', '/proc/self/environ', '/tree/../backup.json',
]  # fmt: skip
TO_A_LINK = ['/home/shadow', '/home/shadow/', '/home/etc/']
SENT_ONCE_MORE = ['%2e%2e/%2e%2e/etc/shadow', '%2fetc%2fshadow', 'home%00', '/home/%2e%2e/%2e%2e/etc/shadow']


@pytest.fixture
async def routes(api: AsyncClient, engine: ScriptedEngine, address: str, job_id: int) -> list[str]:
    """Every GET route of a backup or job that takes a path, filled in for one that has a snapshot with links out of it."""
    entries = [('home', 'd'), ('home/shadow', 'L'), ('home/etc', 'L'), ('home/empty', 'f')]
    with ManifestWriter(engine.settings.data_dir / FOLDER / 'manifest.msgpack.zst') as manifest:
        for path, kind in entries:
            manifest.add(
                Entry(path.encode(), kind, 0, 0, 0o755, 0, 0, target=b'/etc' if kind == 'L' else None)
            )
    described: dict[str, Any] = (await api.get('/api/openapi.json')).json()['paths']
    found = [route for route, ways in described.items() if _takes_a_path(ways.get('get', {}))]
    return [route.format(backup_id=1, job_id=job_id) for route in found]


def _takes_a_path(way: dict[str, Any]) -> bool:
    return any(one['name'] == 'path' and one['in'] == 'query' for one in way.get('parameters', []))


def parameters(route: str, path: str) -> dict[str, Any]:
    return {'path': path} | ({'against': 1} if route.endswith('diff') else {})


async def refused(api: AsyncClient, routes: list[str], path: str) -> None:
    for route in routes:
        assert_problem(await api.get(route, params=parameters(route, path)), 404)


async def test_no_path_leads_out(api: AsyncClient, routes: list[str]) -> None:
    assert {route.rpartition('/')[2] for route in routes} >= {
        'files', 'download', 'preview', 'diff', 'textdiff', 'versions',
    }  # fmt: skip
    for path in OUTSIDE:
        await refused(api, routes, path)
        for form in ('zip', 'tar', 'tar.gz', 'tar.zst'):
            assert_problem(
                await api.get('/api/backups/1/download', params={'path': path, 'format': form}), 404
            )
        for more in ({'recursive': True}, {'search': '*'}):
            assert_problem(await api.get('/api/backups/1/files', params={'path': path, **more}), 404)
        answer = await api.post('/api/backups/1/restore', json={'paths': [path]})
        malformed = '..' in path.split('/') or not path.startswith('/') or '\0' in path
        assert_problem(answer, 422 if malformed else 404)


async def test_what_is_encoded_twice_leads_nowhere(api: AsyncClient, routes: list[str]) -> None:
    for path in SENT_ONCE_MORE:
        for route in routes:
            more = '&against=1' if route.endswith('diff') else ''
            assert_problem(await api.get(f'{route}?path={path}{more}'), 404)


async def test_a_link_is_neither_a_folder_nor_a_file(api: AsyncClient, routes: list[str]) -> None:
    contents = [
        route for route in routes if not route.endswith('/diff')
    ]  # there it is an entry, with its aim
    for path in TO_A_LINK:
        await refused(api, contents, path)
