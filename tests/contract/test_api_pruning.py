"""Retention over the API: told before, done on demand, by the rules that docs/retention.md tells."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from httpx import AsyncClient

from plumbus.model import Backup, Status
from tests.contract.test_api_access import assert_problem
from tests.support.fake_engine import ScriptedEngine

NEWEST = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # half an hour into the 23rd in Berlin


def add_snapshot(engine: ScriptedEngine, job_id: int, time: datetime, origins: dict[datetime, int]) -> int:
    """A backup with a snapshot whose files were stored at these times."""
    path = Path('backups') / 'pi-1' / f'home-{job_id}' / f'{time:%Y-%m-%dT%H%M%SZ}'
    (engine.settings.data_dir / path / 'tree').mkdir(parents=True)
    made = engine.backups.records.add(
        Backup(
            job_id=job_id, client_id=1, status=Status.COMPLETED, start_time=time, end_time=time, backup_path=str(path),
            disk_bytes=origins.get(time, 0),
        )
    )  # fmt: skip
    seconds = {str(int(born.timestamp())): size for born, size in origins.items()}
    told = {'backup': made.model_dump(mode='json'), 'origins': seconds}
    (engine.settings.data_dir / path / 'backup.json').write_bytes(orjson.dumps(told))
    return made.id


@pytest.fixture
def snapshots(engine: ScriptedEngine, job_id: int) -> list[int]:
    """One each day for four days, each with a file of 10 bytes of its own; the first has stored 1000 bytes for all."""
    times = [NEWEST - timedelta(days=days) for days in (3, 2, 1, 0)]
    return [
        add_snapshot(engine, job_id, time, {times[0]: 1000} | {time: 10 + 1000 * (time == times[0])})
        for time in times
    ]


async def prune(api: AsyncClient, job_id: int, **body: Any) -> dict[str, Any]:
    answer = await api.post(f'/api/jobs/{job_id}/prune', json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_it_tells_what_a_policy_would_do_before_it_is_saved(
    api: AsyncClient, job_id: int, snapshots: list[int]
) -> None:
    told = await prune(api, job_id, dry_run=True, retention={'keep_last': 1, 'keep_daily': 2})
    assert told == {
        'success': True,
        'keep': [
            {'backup_id': 4, 'reasons': ['last 1', 'daily 2026-11-23']},
            {'backup_id': 3, 'reasons': ['daily 2026-11-22']},
        ],
        'remove': [1, 2],
        'freed_bytes': 20,
    }
    assert (await prune(api, job_id, dry_run=True))['remove'] == []
    assert [item['backup_path'] is None for item in (await api.get('/api/backups')).json()] == [False] * 4


async def test_it_does_what_it_told(
    api: AsyncClient, engine: ScriptedEngine, job_id: int, snapshots: list[int]
) -> None:
    await api.put(f'/api/jobs/{job_id}', json={'retention': {'keep_last': 2}})
    planned = await prune(api, job_id, dry_run=True)
    assert await prune(api, job_id) == planned
    assert planned['remove'] == [1, 2]
    listed = (await api.get('/api/backups')).json()
    assert [item['id'] for item in listed] == [4, 3, 2, 1]
    assert [item['backup_path'] is None for item in listed] == [False, False, True, True]
    assert [item['removed_at'] is None for item in listed] == [True, True, False, False]
    removed = listed[-1]
    assert (removed['status'], removed['freed_bytes'], removed['disk_bytes']) == ('completed', 10, 1010)
    assert datetime.fromisoformat(removed['removed_at']).tzinfo
    assert sum(item['disk_bytes'] for item in listed if item['backup_path']) == 1020
    assert (await api.get('/api/stats')).json()['disk_bytes'] == 1020
    again = await prune(api, job_id)
    assert (again['remove'], again['freed_bytes']) == ([], 0)


async def test_what_a_removed_snapshot_held_is_gone_for_everybody(
    api: AsyncClient, job_id: int, snapshots: list[int]
) -> None:
    await api.put(f'/api/jobs/{job_id}', json={'retention': {'keep_last': 1}})
    await prune(api, job_id)
    for method, path in (('GET', 'files'), ('POST', 'restore'), ('POST', 'verify')):
        told = assert_problem(await api.request(method, f'/api/backups/1/{path}'), 404)
        assert 'snapshot' in told['error']
    assert (await api.delete('/api/backups/1')).json() == {'success': True}
    assert_problem(await api.get('/api/backups/1'), 404)


async def test_a_pinned_one_stays(api: AsyncClient, job_id: int, snapshots: list[int]) -> None:
    await api.put('/api/backups/2', json={'pinned': True})
    told = await prune(api, job_id, dry_run=True, retention={'keep_last': 1})
    assert told['keep'] == [{'backup_id': 4, 'reasons': ['last 1']}, {'backup_id': 2, 'reasons': ['pinned']}]
    assert told['remove'] == [1, 3]


async def test_a_damaged_one_takes_no_place(
    api: AsyncClient, engine: ScriptedEngine, job_id: int, snapshots: list[int]
) -> None:
    engine.backups.records.set(4, verify_status='damaged')
    told = await prune(api, job_id, dry_run=True, retention={'keep_last': 1})
    assert told['keep'] == [
        {'backup_id': 4, 'reasons': ['last 1', 'newer than the last good one']},
        {'backup_id': 3, 'reasons': ['last 1']},
    ]


async def test_fields_left_out_and_the_time_zone_are_those_of_the_job(
    api: AsyncClient, job_id: int, snapshots: list[int]
) -> None:
    await api.put(
        f'/api/jobs/{job_id}', json={'retention': {'keep_daily': 1}, 'timezone': 'America/New_York'}
    )
    told = await prune(api, job_id, dry_run=True, retention={'keep_last': 1})
    assert told['keep'][0]['reasons'] == ['last 1', 'daily 2026-11-22']
    told = await prune(api, job_id, dry_run=True, timezone='Asia/Tokyo')
    assert told['keep'][0]['reasons'] == ['daily 2026-11-23']


async def test_a_snapshot_whose_folder_is_gone_is_not_counted(
    api: AsyncClient, engine: ScriptedEngine, job_id: int, snapshots: list[int]
) -> None:
    newest = engine.settings.data_dir / str(engine.backups.get(4).backup_path)
    (newest / 'tree').rmdir()
    told = await prune(api, job_id, dry_run=True, retention={'keep_last': 1})
    assert [one['backup_id'] for one in told['keep']] == [3]
    assert told['remove'] == [1, 2]


async def test_a_folder_that_plumbus_did_not_make_is_never_removed(
    api: AsyncClient, engine: ScriptedEngine, job_id: int, snapshots: list[int], tmp_path: Path
) -> None:
    for backup_id, path in ((1, tmp_path / 'old'), (2, engine.settings.data_dir / 'backups' / 'old' / 'one')):
        (path / 'tree').mkdir(parents=True)
        engine.backups.records.set(backup_id, backup_path=str(path))
    told = await prune(api, job_id, dry_run=True, retention={'keep_last': 1})
    assert told['remove'] == [3]
    assert (await api.delete('/api/backups/1')).json() == {'success': True}
    assert (await api.delete('/api/backups/2')).json() == {'success': True}
    assert (tmp_path / 'old' / 'tree').is_dir()
    assert (engine.settings.data_dir / 'backups' / 'old' / 'one' / 'tree').is_dir()


async def test_what_cannot_be_read_is_told_as_unknown(
    api: AsyncClient, engine: ScriptedEngine, job_id: int, snapshots: list[int]
) -> None:
    (engine.settings.data_dir / str(engine.backups.get(1).backup_path) / 'backup.json').write_text('{')
    await api.put(f'/api/jobs/{job_id}', json={'retention': {'keep_last': 3}})
    assert (await prune(api, job_id, dry_run=True))['freed_bytes'] is None
    done = await prune(api, job_id)
    assert (done['remove'], done['freed_bytes']) == ([1], None)
    assert (await api.get('/api/backups/1')).json()['freed_bytes'] is None


@pytest.mark.parametrize(
    ('body', 'field'),
    [
        ({'dry_run': 'yes'}, 'dry_run'), ({'dry_run': 1}, 'dry_run'), ({'dry_run': None}, 'dry_run'),
        ({'retention': {'keep_last': 1}}, 'retention'), ({'timezone': 'UTC'}, 'retention'),
        ({'dry_run': True, 'retention': {'keep_last': -1}}, 'retention'), ({'dry_run': True, 'retention': 7}, 'retention'),
        ({'dry_run': True, 'timezone': 'Mars/Olympus'}, 'timezone'),
    ],
)  # fmt: skip
async def test_it_names_the_wrong_field(
    api: AsyncClient, job_id: int, snapshots: list[int], body: dict[str, Any], field: str
) -> None:
    told = assert_problem(await api.post(f'/api/jobs/{job_id}/prune', json=body), 422)
    assert list(told['fields']) == [field]
    assert all(item['backup_path'] for item in (await api.get('/api/backups')).json())


async def test_an_unknown_job_is_404(api: AsyncClient) -> None:
    assert_problem(await api.post('/api/jobs/7/prune', json={'dry_run': True}), 404)


async def test_an_empty_job_has_nothing_to_prune(api: AsyncClient, job_id: int) -> None:
    assert await prune(api, job_id, dry_run=True, retention={'keep_last': 1}) == {
        'success': True,
        'keep': [],
        'remove': [],
        'freed_bytes': 0,
    }
