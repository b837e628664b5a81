"""The lists: clients, jobs, history; searched, sorted and paged by the server."""

import pytest
from nicegui import ui
from nicegui.testing import User

from pages.wording import exact
from plumbus.errors import StoreError
from plumbus.model import Backup, Status
from tests.support import page_data
from tests.support.page_engine import PageEngine
from tests.support.visitor import until
from tests.ui.conftest import rows


async def test_it_shows_the_first_page_of_the_history_and_the_next_on_request(user: User) -> None:
    await user.open('/backups')
    first = await rows(user, 'Backups')
    assert len(first) == 25
    table = next(iter(user.find(kind=ui.table).elements))
    assert table.pagination['rowsNumber'] == 502
    user.find(kind=ui.table).trigger('request', {'pagination': {**table.pagination, 'page': 2}})
    await until(lambda: table.rows[0]['id'] not in {row['id'] for row in first})
    assert table.pagination['page'] == 2


async def test_it_narrows_the_history_by_what_stands_in_the_address(user: User, engine: PageEngine) -> None:
    await user.open('/backups?client=9&status=failed')
    shown = await rows(user, 'Backups')
    known = {backup.id: backup for backup in engine.backup_list}
    assert {known[row['id']].client_id for row in shown} == {9}
    assert {row['status']['text'] for row in shown} == {'failed'}


async def test_it_ignores_filters_that_make_no_sense(user: User) -> None:
    await user.open('/backups?client=<b>&job=-1&status=fleeb&q=' + 'x' * 5000)
    await user.should_see('No backup fits these filters')
    await user.open('/backups?client=99999')
    await user.should_see('No backup fits these filters')


async def test_it_searches_as_one_types(user: User) -> None:
    await user.open('/backups')
    await rows(user, 'Backups')
    search = next(
        element for element in user.find(kind=ui.input).elements if element.props['aria-label'] == 'Search'
    )
    search.value = 'garden'
    table = next(iter(user.find(kind=ui.table).elements))
    await until(lambda: all('garden-pi' in row['name']['text'] for row in table.rows))


async def test_it_shows_why_a_backup_failed(user: User) -> None:
    await user.open('/backups?status=failed')
    assert page_data.NO_ANSWER in (await rows(user, 'Backups'))[0]['name']['under']


async def test_the_last_backup_of_a_client_is_the_last_good_one(user: User, engine: PageEngine) -> None:
    client = engine.client_list[0]
    mine = [backup for backup in engine.backup_list if backup.client_id == client.id]
    good = max(backup.start_time for backup in mine if backup.status.good and backup.start_time)
    for backup in engine.backup_list:
        if backup.start_time and backup.client_id == client.id and backup.start_time > good:
            backup.status = Status.FAILED
    job = next(job for job in engine.job_list if job.client_id == client.id)
    engine.backup_list.append(
        Backup(id=9_000, job_id=job.id, client_id=client.id, status=Status.FAILED, start_time=page_data.now())
    )
    await user.open('/clients')
    row = next(row for row in await rows(user, 'Clients') if row['id'] == client.id)
    assert (row['status']['text'], row['last']['title']) == ('failed', exact(good, engine.settings.zone))
    await user.open(f'/clients/{client.id}')
    row = next(row for row in await rows(user, 'Jobs') if row['id'] == job.id)
    assert row['status']['text'] == 'failed'
    assert row['last']['text'] != 'just now'


async def test_it_keeps_hostile_names_as_text(user: User) -> None:
    await user.open('/clients')
    names = [row['name']['text'] for row in await rows(user, 'Clients')]
    assert page_data.HOSTILE in names
    text = (await user.http_client.get('/clients/12')).text
    assert '<img src=x' not in text


async def test_it_sorts_clients_by_name_and_the_other_way_round(user: User) -> None:
    await user.open('/clients')
    names = [row['name']['text'] for row in await rows(user, 'Clients')]
    assert names == sorted(names, key=str.lower)
    table = next(iter(user.find(kind=ui.table).elements))
    user.find(kind=ui.table).trigger('request', {'pagination': {**table.pagination, 'descending': True}})
    await until(lambda: [row['name']['text'] for row in table.rows] == names[::-1])


async def test_it_tells_what_state_each_client_is_in(user: User) -> None:
    await user.open('/clients')
    states = {row['name']['text']: row['status']['text'] for row in await rows(user, 'Clients')}
    assert states['garden-pi'] == 'failed'
    assert states['homeassistant'] == 'running'
    assert states[page_data.HOSTILE] == 'no job'
    assert states['pihole'] == 'completed'


async def test_it_lets_run_what_does_not_run_already(user: User, engine: PageEngine) -> None:
    await user.open('/jobs')
    offered = {row['id']: set(row['acts']) for row in await rows(user, 'Jobs')}
    assert offered[3] == {'edit'}
    assert offered[1] == {'run', 'edit'}
    user.find(kind=ui.table).trigger('act', {'act': 'run', 'id': 1})
    await until(lambda: engine.backup_list[-1].job_id == 1)
    await until(lambda: user.back_history[-1] == f'/backups/{engine.backup_list[-1].id}')


async def test_it_follows_what_happens_elsewhere(user: User, engine: PageEngine) -> None:
    await user.open('/jobs')
    before = await rows(user, 'Jobs')
    engine.jobs.delete(before[0]['id'])
    engine.tell('job', before[0]['id'], 'deleted')
    table = next(iter(user.find(kind=ui.table).elements))
    await until(lambda: before[0]['id'] not in {row['id'] for row in table.rows})


@pytest.mark.parametrize(
    ('address', 'part', 'name'), [('/backups', 'backups', 'page'), ('/', 'system', 'stats')]
)
async def test_what_cannot_be_loaded_says_why_and_is_there_when_it_can(
    user: User, engine: PageEngine, monkeypatch: pytest.MonkeyPatch, address: str, part: str, name: str
) -> None:
    def fail(**_: object) -> None:
        raise StoreError('The disk does not answer.', 'Look after its cable.')

    with monkeypatch.context() as broken:
        broken.setattr(getattr(engine, part), name, fail)
        client = await user.open(address)
        await user.should_see('Look after its cable.')
        assert not any(isinstance(one, ui.skeleton) for one in client.elements.values())
    user.find('Try again').click()
    await user.should_see(kind=ui.table)
    await user.should_not_see('Look after its cable.')
