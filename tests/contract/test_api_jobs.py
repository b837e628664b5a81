"""Jobs over the API: kept, changed, run, and when they run next."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from httpx import AsyncClient

from plumbus.errors import TransferFailed
from plumbus.model import Job, JobView
from tests.contract.test_api_access import assert_problem
from tests.support.fake_engine import OWN_LISTENERS, ScriptedEngine

SHOWN = {
    'id', 'client_id', 'client_name', 'name', 'source_paths', 'source_path', 'excludes', 'schedule', 'timezone', 'enabled', 'retention',
    'bandwidth_limit_kib', 'compress', 'one_file_system', 'timeout_minutes', 'retries', 'retry_delay_s', 'catch_up', 'pre_command',
    'post_command', 'next_run', 'last_run', 'last_status', 'last_backup_id', 'schedule_text', 'created_at', 'updated_at',
}  # fmt: skip


async def test_it_creates_a_job_with_the_usual_settings(api: AsyncClient, client_id: int) -> None:
    answer = await api.post(
        '/api/jobs', json={'client_id': client_id, 'name': 'Home', 'source_path': '/home/pi/'}
    )
    made = answer.json()
    assert answer.status_code == 201
    assert made['success'] is True
    assert made['job_id'] == made['id'] == 1
    assert made.keys() >= SHOWN
    assert (made['source_paths'], made['source_path'], made['client_name']) == (
        ['/home/pi'],
        '/home/pi',
        'Pi in the attic',
    )
    assert (made['enabled'], made['retries'], made['retry_delay_s'], made['catch_up']) == (True, 2, 60, True)
    assert set(made['retention'].values()) == {0}
    assert (made['schedule'], made['next_run'], made['last_status']) == (None, None, None)


async def test_a_schedule_is_told_in_words_with_its_next_run(api: AsyncClient, client_id: int) -> None:
    fields = {'client_id': client_id, 'name': 'Home', 'source_paths': ['/home'], 'schedule': '0 2 * * *'}
    job = (await api.post('/api/jobs', json=fields)).json()
    assert job['schedule_text'] == 'Every day at 02:00'
    assert datetime.fromisoformat(job['next_run']) > datetime.now(UTC)


async def test_it_lists_the_jobs_of_a_client(api: AsyncClient, job_id: int) -> None:
    shown = (await api.get(f'/api/jobs/{job_id}')).json()
    for query, jobs in (
        ('', [shown]),
        ('?client_id=1', [shown]),
        ('?client_id=', [shown]),
        ('?client_id=9', []),
    ):
        answer = await api.get(f'/api/jobs{query}')
        assert answer.json() == jobs
        assert answer.headers['x-total-count'] == str(len(jobs))


async def test_it_changes_any_subset_of_the_fields(api: AsyncClient, job_id: int) -> None:
    changes = {
        'name': 'All',
        'retention': {'keep_daily': 7, 'keep_last': None},
        'excludes': ['*.tmp'],
        'enabled': False,
    }
    assert (await api.put(f'/api/jobs/{job_id}', json=changes)).json()['success'] is True
    changed = (await api.get(f'/api/jobs/{job_id}')).json()
    assert (changed['name'], changed['excludes'], changed['enabled']) == ('All', ['*.tmp'], False)
    assert (changed['retention']['keep_daily'], changed['retention']['keep_last']) == (7, 0)
    assert changed['source_paths'] == ['/home/pi', '/etc']
    assert_problem(await api.put(f'/api/jobs/{job_id}', json={'name': 'x', 'revision': 1}), 409)


WRONG: list[tuple[str, Any]] = [
    ('client_id', 99), ('client_id', None), ('name', ''), ('source_paths', []), ('source_paths', ['relative']), ('source_paths', ['/a/..']),
    ('source_paths', '/home'), ('excludes', ['']), ('excludes', ['a\nb']), ('schedule', 'daily'), ('schedule', '0 2 * *'),
    ('schedule', '0 0 30 2 *'), ('schedule', '99 2 * * *'), ('timezone', 'Mars/Olympus'), ('retention', {'keep_daily': -1}),
    ('bandwidth_limit_kib', -1), ('timeout_minutes', 1.5), ('retries', 101), ('enabled', 'perhaps'),
]  # fmt: skip


async def test_it_names_the_wrong_field(api: AsyncClient, job_id: int) -> None:
    for field, value in WRONG:
        fields = {'client_id': 1, 'name': 'Home', 'source_paths': ['/home']}
        for answer in (
            await api.post('/api/jobs', json=fields | {field: value}),
            await api.put(f'/api/jobs/{job_id}', json={field: value}),
        ):
            assert list(assert_problem(answer, 422)['fields']) == [field]


async def test_it_deletes_a_job(api: AsyncClient, job_id: int) -> None:
    assert (await api.delete(f'/api/jobs/{job_id}')).json() == {'success': True}
    assert_problem(await api.get(f'/api/jobs/{job_id}'), 404)
    assert_problem(await api.delete(f'/api/jobs/{job_id}'), 404)
    assert_problem(await api.post(f'/api/jobs/{job_id}/run'), 404)
    assert_problem(await api.get(f'/api/jobs/{job_id}/history'), 404)


async def test_a_run_is_queued_at_once(api: AsyncClient, engine: ScriptedEngine, job_id: int) -> None:
    engine.release.clear()
    answer = await api.post(f'/api/jobs/{job_id}/run')
    assert answer.status_code == 202
    assert answer.json() == {'success': True, 'backup_id': 1, 'status': 'queued'}
    told = assert_problem(await api.post(f'/api/jobs/{job_id}/run'), 409)
    assert 'cancel' in told['error']
    assert_problem(await api.delete(f'/api/jobs/{job_id}'), 409)
    engine.release.set()


async def test_a_run_may_be_waited_for(api: AsyncClient, engine: ScriptedEngine, job_id: int) -> None:
    backup = (await api.post(f'/api/jobs/{job_id}/run?wait=60')).json()
    assert (backup['success'], backup['backup_id'], backup['id']) == (True, 1, 1)
    assert (backup['status'], backup['trigger'], backup['file_count']) == ('completed', 'api', 3)
    job = (await api.get(f'/api/jobs/{job_id}')).json()
    assert (job['last_status'], job['last_backup_id']) == ('completed', 1)
    assert engine.events.listener_count == OWN_LISTENERS


async def test_it_tells_the_last_good_run_apart_from_the_last_one(
    api: AsyncClient, engine: ScriptedEngine, job_id: int
) -> None:
    assert (await told_of(api, engine, job_id))['last_good_run'] is None
    good = (await api.post(f'/api/jobs/{job_id}/run?wait=60')).json()
    engine.error = TransferFailed('It failed.')
    failed = (await api.post(f'/api/jobs/{job_id}/run?wait=60')).json()
    job = await told_of(api, engine, job_id)
    assert (job['last_status'], job['last_run'], job['last_good_run']) == (
        'failed',
        failed['start_time'],
        good['start_time'],
    )
    engine.error = None
    engine.release.clear()
    await api.post(f'/api/jobs/{job_id}/run')
    await asyncio.to_thread(engine.halfway.wait, 60)
    job = await told_of(api, engine, job_id)
    assert (job['last_status'], job['last_good_run']) == ('running', good['start_time'])
    engine.release.set()


async def told_of(api: AsyncClient, engine: ScriptedEngine, job_id: int) -> dict[str, Any]:
    """Return a job, of which the list and the engine say the same."""
    job: dict[str, Any] = (await api.get(f'/api/jobs/{job_id}')).json()
    assert (await api.get('/api/jobs')).json() == [job]
    assert [view.model_dump(mode='json') for view in engine.jobs.all()] == [
        JobView.model_validate(job).model_dump(mode='json')
    ]
    return job


async def test_the_wait_ends_when_the_time_is_up(
    api: AsyncClient, engine: ScriptedEngine, job_id: int
) -> None:
    engine.release.clear()
    answer = await api.post(f'/api/jobs/{job_id}/run?wait=0.3')
    assert answer.status_code == 202
    assert answer.json()['status'] in {'queued', 'running'}
    assert engine.events.listener_count == OWN_LISTENERS
    engine.release.set()


async def test_a_failed_run_tells_cause_and_remedy(
    api: AsyncClient, engine: ScriptedEngine, job_id: int
) -> None:
    engine.error = TransferFailed('The disk is full.', 'Delete old backups.', 'disk_full', exit_code=11)
    backup = (await api.post(f'/api/jobs/{job_id}/run?wait=60')).json()
    assert (backup['status'], backup['exit_code']) == ('failed', 11)
    assert backup['error_message'] == 'The disk is full. Delete old backups.'


@pytest.mark.parametrize('wait', ['-1', '3601', 'nan', 'x'])
async def test_it_waits_for_an_hour_at_most(api: AsyncClient, job_id: int, wait: str) -> None:
    assert list(assert_problem(await api.post(f'/api/jobs/{job_id}/run?wait={wait}'), 422)['fields']) == [
        'wait'
    ]
    assert (await api.get('/api/backups')).json() == []


async def test_the_history_of_a_job_comes_newest_first(api: AsyncClient, job_id: int) -> None:
    for _ in range(3):
        await api.post(f'/api/jobs/{job_id}/run?wait=60')
    answer = await api.get(f'/api/jobs/{job_id}/history?limit=2')
    assert [backup['id'] for backup in answer.json()] == [3, 2]
    assert answer.headers['x-total-count'] == '3'
    rest = await api.get(f'/api/jobs/{job_id}/history?limit=2&offset=2')
    assert [backup['id'] for backup in rest.json()] == [1]


async def test_a_schedule_is_previewed(api: AsyncClient) -> None:
    body = {'schedule': '30 3 * * 1', 'timezone': 'Asia/Tokyo'}
    told = (await api.post('/api/schedule/preview', json=body)).json()
    assert told['text'] == 'Every Monday at 03:30'
    times = [datetime.fromisoformat(text) for text in told['next']]
    assert len(times) == 5
    assert times == sorted(times)
    assert all(time.utcoffset() and f'{time:%a %H:%M%z}' == 'Mon 03:30+0900' for time in times)


@pytest.mark.parametrize(
    ('body', 'field'),
    [
        ({}, 'schedule'),
        ({'schedule': None}, 'schedule'),
        ({'schedule': ''}, 'schedule'),
        ({'schedule': '* * * *'}, 'schedule'),
        ({'schedule': '* * * * * *'}, 'schedule'),
        ({'schedule': '0 0 31 2 *'}, 'schedule'),
        ({'schedule': '@daily'}, 'schedule'),
        ({'schedule': '0 2 * * *', 'timezone': 'Nowhere'}, 'timezone'),
    ],
)
async def test_a_schedule_that_never_fires_is_422(api: AsyncClient, body: dict[str, Any], field: str) -> None:
    assert list(assert_problem(await api.post('/api/schedule/preview', json=body), 422)['fields']) == [field]


async def test_the_next_run_may_follow_at_once(api: AsyncClient, job_id: int) -> None:
    for number in range(1, 31):
        backup = (await api.post(f'/api/jobs/{job_id}/run?wait=60')).json()
        assert (backup.get('id'), backup.get('status')) == (number, 'completed'), backup


async def test_of_many_at_once_only_one_runs(api: AsyncClient, engine: ScriptedEngine, job_id: int) -> None:
    engine.release.clear()
    answers = await asyncio.gather(*(api.post(f'/api/jobs/{job_id}/run') for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 7
    engine.release.set()


async def test_very_many_jobs_come_in_pieces_and_in_parts(
    api: AsyncClient, engine: ScriptedEngine, client_id: int
) -> None:
    made = [
        Job(client_id=client_id, name=f'job {number}', source_paths=['/etc']) for number in range(1, 1203)
    ]
    engine.jobs.jobs.add_all(made)
    told = await api.get('/api/jobs')
    assert [job['id'] for job in told.json()] == list(range(1, 1203))
    assert told.headers['X-Total-Count'] == '1202'
    assert told.headers['Content-Type'] == 'application/json'
    assert told.json()[700] == (await api.get('/api/jobs/701')).json()
    for query, expected in (
        ('limit=2&offset=1200', [1201, 1202]),
        ('limit=501', list(range(1, 502))),
        ('limit=1000&offset=100', list(range(101, 1101))),
        ('offset=5000', []),
    ):
        part = await api.get(f'/api/jobs?{query}')
        assert [job['id'] for job in part.json()] == expected
        assert part.headers['X-Total-Count'] == '1202'
    assert (await api.get('/api/jobs?limit=0')).status_code == 422
