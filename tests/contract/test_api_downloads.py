"""Downloads over the API: what a browser and a script get, and what nobody gets."""

import io
import os
import tarfile
import zipfile

import pytest
from httpx import AsyncClient

from plumbus.backup.manifest import Entry, ManifestWriter
from tests.contract.test_api_access import assert_problem
from tests.support.fake_engine import ScriptedEngine

FOLDER = 'backups/pi-1/home-1/2026-11-23T020000Z'


@pytest.fixture
async def address(api: AsyncClient, engine: ScriptedEngine, backup_id: int) -> str:
    """Where the downloads of a backup are that has a small snapshot."""
    tree = engine.settings.data_dir / FOLDER / 'tree'
    (tree / 'home' / 'pi').mkdir(parents=True)
    (tree / 'home' / 'pi' / 'notes ☃.txt').write_text('0123456789')
    (tree / 'home' / 'pi' / 'caf\udce9').write_text('latin')
    (tree / 'home' / 'empty').touch()
    (tree / 'home' / 'shadow').symlink_to('/etc/shadow')
    (tree / 'home' / 'etc').symlink_to('/etc')
    os.mkfifo(tree / 'home' / 'fifo')
    engine.backups.records.set(backup_id, backup_path=FOLDER)
    return f'/api/backups/{backup_id}/download'


async def test_a_plain_file_comes_as_it_is(api: AsyncClient, address: str) -> None:
    answer = await api.get(address, params={'path': '/home/pi/notes ☃.txt'})
    assert (answer.status_code, answer.text) == (200, '0123456789')
    assert answer.headers['content-length'] == '10'
    assert answer.headers['content-type'] == 'application/octet-stream'
    assert answer.headers['content-encoding'] == 'identity'
    assert answer.headers['x-content-type-options'] == 'nosniff'
    assert answer.headers['content-disposition'] == (
        'attachment; filename="notes _.txt"; filename*=UTF-8\'\'notes%20%E2%98%83.txt'
    )


async def test_a_path_of_other_bytes_is_understood(api: AsyncClient, address: str) -> None:
    answer = await api.get(address, params={'path': '/home/pi/caf\\#351'})
    assert (answer.status_code, answer.text) == (200, 'latin')


async def test_an_empty_file_is_empty(api: AsyncClient, address: str) -> None:
    answer = await api.get(address, params={'path': '/home/empty'})
    assert (answer.status_code, answer.content, answer.headers['content-length']) == (200, b'', '0')


async def test_a_download_is_continued(api: AsyncClient, address: str) -> None:
    params = {'path': '/home/pi/notes ☃.txt'}
    tag = (await api.get(address, params=params)).headers['etag']
    answer = await api.get(address, params=params, headers={'Range': 'bytes=4-', 'If-Range': tag})
    assert (answer.status_code, answer.text) == (206, '456789')
    assert (answer.headers['content-range'], answer.headers['content-length']) == ('bytes 4-9/10', '6')
    refused = await api.get(address, params=params, headers={'Range': 'bytes=10-'})
    assert_problem(refused, 416)
    assert refused.headers['content-range'] == 'bytes */10'


@pytest.mark.parametrize('form', [None, 'zip'])
async def test_folders_come_as_zip(api: AsyncClient, address: str, form: str | None) -> None:
    params = {'path': '/home/pi'} | ({'format': form} if form else {})
    answer = await api.get(address, params=params)
    assert (answer.status_code, answer.headers['content-type']) == (200, 'application/zip')
    assert 'filename="pi.zip"' in answer.headers['content-disposition']
    with zipfile.ZipFile(io.BytesIO(answer.content)) as made:
        assert made.testzip() is None
        assert made.read('pi/notes ☃.txt') == b'0123456789'


@pytest.mark.parametrize(('form', 'mode'), [('tar', 'r:'), ('tar.gz', 'r:gz')])
async def test_several_paths_come_together(api: AsyncClient, address: str, form: str, mode: str) -> None:
    answer = await api.get(address, params={'path': ['/home/pi', '/home/shadow'], 'format': form})
    with tarfile.open(fileobj=io.BytesIO(answer.content), mode=mode) as made:  # type: ignore[call-overload]
        assert {'pi', 'pi/notes ☃.txt', 'shadow'} <= set(made.getnames())
        assert made.getmember('shadow').linkname == '/etc/shadow'
    assert f'.{form}"' in answer.headers['content-disposition']


async def test_without_a_path_it_is_the_whole_snapshot(api: AsyncClient, address: str) -> None:
    answer = await api.get(f'{address}?format=tar')
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as made:
        assert {'home', 'home/pi', 'home/fifo'} <= set(made.getnames())


@pytest.mark.parametrize(
    'query',
    [
        'path=../../../../etc/shadow', 'path=%2e%2e/%2e%2e/etc/shadow', 'path=%252e%252e/etc/shadow', 'path=/etc/shadow', 'path=/home/../etc/shadow',
        'path=/home/shadow', 'path=/home/etc/shadow', 'path=/home/etc/shadow&format=tar', 'path=/home%00', 'path=/home/pi%00x', 'path=/home/fifo',
        'path=/nothing', 'path=/home/pi&path=/home/pi/../../x', 'path=/home/pi&path=/nothing&format=tar', 'path=/%5c%23056%5c%23056/etc/shadow',
        'path=/home/empty/', 'path=/home/empty/x',
    ],
)  # fmt: skip
async def test_no_path_leaves_the_snapshot(api: AsyncClient, address: str, query: str) -> None:
    answer = await api.get(f'{address}?{query}')
    if query == 'path=/home/empty/':
        assert answer.status_code == 200  # a slash at the end changes nothing
    else:
        assert_problem(answer, 404)


async def test_an_unknown_format_is_named(api: AsyncClient, address: str) -> None:
    problem = assert_problem(await api.get(f'{address}?path=/home&format=rar'), 422)
    assert list(problem['fields']) == ['format']


async def test_a_backup_without_a_snapshot_has_no_downloads(api: AsyncClient, backup_id: int) -> None:
    assert_problem(await api.get(f'/api/backups/{backup_id}/download?path=/'), 404)
    assert_problem(await api.get('/api/backups/99/download?path=/'), 404)


async def test_nobody_downloads_without_a_login(stranger: AsyncClient) -> None:
    assert_problem(await stranger.get('/api/backups/1/download?path=/'), 401)


@pytest.fixture
async def twice(api: AsyncClient, engine: ScriptedEngine, job_id: int) -> str:
    """Where the second of two backups is that have a small snapshot each."""
    for number, text in enumerate(['one\n', 'two\n'], start=1):
        backup_id = (await api.post(f'/api/jobs/{job_id}/run?wait=60')).json()['backup_id']
        path = f'backups/pi-1/home-1/2026-11-2{number}T020000Z'
        etc = engine.settings.data_dir / path / 'tree' / 'etc'
        etc.mkdir(parents=True)
        (etc / 'hosts').write_text(text)
        (etc / 'shadow').symlink_to('/etc/shadow')
        with ManifestWriter(etc.parents[1] / 'manifest.msgpack.zst') as manifest:
            manifest.add(Entry(b'etc', 'd', 0, 1, 0o755, 0, 0))
            manifest.add(Entry(b'etc/hosts', 'f', 4, number, 0o644, 0, 0, text.encode() * 4, 'xxh128'))
            manifest.add(Entry(b'etc/only %d' % number, 'f', 4, 1, 0o644, 0, 0))
        engine.backups.records.set(backup_id, backup_path=path)
    return f'/api/backups/{backup_id}'


async def test_two_backups_are_compared(api: AsyncClient, twice: str) -> None:
    told = (await api.get(f'{twice}/diff?against=1&path=/etc')).json()
    assert (told['success'], told['backup_id'], told['against'], told['path']) == (True, 2, 1, '/etc')
    assert [file['path'] for file in told['added']] == ['/etc/only 2']
    assert [file['path'] for file in told['removed']] == ['/etc/only 1']
    assert [(one['path'], one['what']) for one in told['changed']] == [
        ('/etc/hosts', ['content', 'modified'])
    ]
    assert told['summary']['added_bytes'] == 4
    text = (await api.get(f'{twice}/textdiff?against=1&path=/etc/hosts')).json()
    assert {'-one', '+two'} <= set(text['diff'].splitlines())


@pytest.mark.parametrize('what', ['diff', 'textdiff'])
@pytest.mark.parametrize(
    'query',
    ['against=1&path=/../etc', 'against=1&path=%2e%2e/etc', 'against=1&path=/etc/shadow', 'against=1&path=/etc%00', 'against=9&path=/etc'],
)  # fmt: skip
async def test_no_comparison_leaves_the_snapshots(
    api: AsyncClient, twice: str, what: str, query: str
) -> None:
    assert_problem(await api.get(f'{twice}/{what}?{query}'), 404)


async def test_a_comparison_needs_another_backup(api: AsyncClient, twice: str) -> None:
    assert list(assert_problem(await api.get(f'{twice}/diff'), 422)['fields']) == ['against']


async def test_the_versions_of_a_file_are_listed(api: AsyncClient, twice: str, job_id: int) -> None:
    told = (await api.get(f'/api/jobs/{job_id}/versions?path=/etc/hosts')).json()
    assert [(one['backup_ids'], one['size'], one['checksum']) for one in told] == [
        ([2], 4, b'two\n'.hex() * 4),
        ([1], 4, b'one\n'.hex() * 4),
    ]
    assert told[0].keys() >= {'backup_ids', 'first_seen', 'last_seen', 'size', 'modified', 'checksum'}
    assert told[0]['first_seen'].endswith('+00:00')


@pytest.mark.parametrize(
    'path', ['/../etc/hosts', '%2e%2e/etc/hosts', '/etc/shadow', '/etc', '/etc%00', '/none']
)
async def test_no_versions_are_found_elsewhere(api: AsyncClient, twice: str, job_id: int, path: str) -> None:
    assert_problem(await api.get(f'/api/jobs/{job_id}/versions?path={path}'), 404)
    assert_problem(await api.get('/api/jobs/99/versions?path=/etc/hosts'), 404)


async def test_names_are_searched(api: AsyncClient, engine: ScriptedEngine, twice: str, job_id: int) -> None:
    await api.put(twice, json={'note': 'something happens, and the index looks again'})
    told = (await api.get('/api/search', params={'q': 'hosts'})).json()
    assert (told['success'], told['q'], told['total'], told['complete']) == (True, 'hosts', 1, True)
    hit = told['results'][0]
    assert (hit['path'], hit['job_id'], hit['first_backup_id'], hit['last_backup_id']) == (
        '/etc/hosts',
        job_id,
        1,
        2,
    )
    assert (hit['client_name'], hit['job_name'], hit['size']) == ('Pi in the attic', 'Home', 4)
    assert (await api.get('/api/search?q=only&backup_id=1&job_id=&client_id=')).json()['total'] == 1
    assert (await api.get('/api/search?q=only&limit=1&offset=1')).json()['results'][0][
        'path'
    ] == '/etc/only 2'
    for wrong in ('', '%20', 'x' * 501):
        assert list(assert_problem(await api.get(f'/api/search?q={wrong}'), 422)['fields']) == ['q']
    assert list(assert_problem(await api.get('/api/search'), 422)['fields']) == ['q']


async def test_a_text_is_shown(api: AsyncClient, engine: ScriptedEngine, address: str) -> None:
    preview, home = (
        address.replace('download', 'preview'),
        engine.settings.data_dir / FOLDER / 'tree' / 'home',
    )
    told = (await api.get(preview, params={'path': '/home/pi/notes ☃.txt'})).json()
    assert (told['kind'], told['text'], told['truncated'], told['size']) == ('text', '0123456789', False, 10)
    (home / 'long').write_text('<script>' * 10_000)
    told = (await api.get(preview, params={'path': '/home/long'})).json()
    assert (told['kind'], len(told['text']), told['truncated']) == ('text', 65_536, True)
    (home / 'binary').write_bytes(bytes(100))
    assert (await api.get(preview, params={'path': '/home/binary'})).json()['kind'] == 'binary'


async def test_only_safe_pictures_are_shown(api: AsyncClient, engine: ScriptedEngine, address: str) -> None:
    preview, home = (
        address.replace('download', 'preview'),
        engine.settings.data_dir / FOLDER / 'tree' / 'home',
    )
    (home / 'picture.txt').write_bytes(b'\x89PNG\r\n\x1a\n' + bytes(100))
    (home / 'picture.png').write_text(
        '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    )
    assert (await api.get(preview, params={'path': '/home/picture.txt'})).json()['image_type'] == 'image/png'
    shown = await api.get(preview, params={'path': '/home/picture.txt', 'raw': True})
    assert (shown.status_code, shown.headers['content-type'], len(shown.content)) == (200, 'image/png', 108)
    assert shown.headers['x-content-type-options'] == 'nosniff'
    assert 'sandbox' in shown.headers['content-security-policy']
    assert (await api.get(preview, params={'path': '/home/picture.png'})).json()['kind'] == 'text'
    assert_problem(await api.get(preview, params={'path': '/home/picture.png', 'raw': True}), 404)


@pytest.mark.parametrize('raw', ['', '&raw=true'])
@pytest.mark.parametrize(
    'path',
    ['../../etc/shadow', '%2e%2e/etc/shadow', '/etc/shadow', '/home/shadow', '/home/etc/shadow', '/home/fifo', '/home', '/a%00', '/none'],
)  # fmt: skip
async def test_no_preview_leaves_the_snapshot(api: AsyncClient, address: str, path: str, raw: str) -> None:
    assert_problem(await api.get(f'{address.replace("download", "preview")}?path={path}{raw}'), 404)
