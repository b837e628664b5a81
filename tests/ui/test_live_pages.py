"""Every page × every change it displays: what another tab, the API or the scheduler does shows on the open page, without a reload."""

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from nicegui import Client, ui
from nicegui.testing import User

from plumbus.engine import Engine
from plumbus.events import Changed, Progressed
from plumbus.model import Actor, Progress, Restore, Scope, Status, acting
from tests.support.past import PASSWORD, Past
from tests.support.visitor import until
from tests.ui.conftest import field, rows
from tests.ui.test_live import words_of

NUMBERS = itertools.count(1)
ADMIN = Actor(name='somebody else', kind='user', scope=Scope.ADMIN)
Change = Callable[[Past], str]


@pytest.fixture
def engine(lived: Past) -> Engine:
    return lived.engine


def new_name(what: str) -> str:
    return f'{what} {next(NUMBERS)} of another tab'


def new_client(lived: Past) -> str:
    name = new_name('client')
    lived.engine.clients.create({'name': name, 'host': 'pi.local', 'username': 'pi'})
    return name


def renamed_client(lived: Past) -> str:
    name = new_name('client')
    lived.engine.clients.update(lived.job.client_id, {'name': name})
    return name


def new_job(lived: Past) -> str:
    name = new_name('job')
    fields = {'client_id': lived.job.client_id, 'name': name, 'source_paths': ['/etc'], 'enabled': True}
    lived.engine.jobs.create(fields)
    return name


def renamed_job(lived: Past) -> str:
    name = new_name('job')
    lived.engine.jobs.update(lived.job.id, {'name': name})
    return name


def other_paths(lived: Past) -> str:
    lived.engine.jobs.update(lived.job.id, {'excludes': [pattern := f'*.{next(NUMBERS)}']})
    return pattern


def fresh_backup(lived: Past, **fields: Any) -> int:
    """A record like those of the job, as a run that begins makes one."""
    engine = lived.engine
    changes = {'id': 0, 'backup_path': None, 'note': '', 'status': Status.QUEUED, **fields}
    made = engine.backups.records.add(lived.backups[0].model_copy(update=changes))
    engine.events.publish(Changed(noun='backup', id=made.id, action='created'))
    return made.id


def failed_backup(lived: Past) -> str:
    why = new_name('trouble')
    lived.engine.backups.settle(fresh_backup(lived), status=Status.FAILED, error_message=why)
    return why


def noted_backup(lived: Past) -> str:
    note = new_name('note')
    lived.engine.backups.edit(lived.backups[0].id, {'note': note})
    return note


def pinned_backup(lived: Past) -> str:
    lived.engine.backups.edit(lived.backups[0].id, {'pinned': True})
    return 'Unpin'


def new_restore(lived: Past, **fields: Any) -> str:
    owner = {'client_id': lived.job.client_id, 'client_name': 'homeassistant', 'job_id': lived.job.id}
    made = lived.engine.restores.records.add(
        Restore(backup_id=lived.backups[0].id, **owner, **{'status': Status.COMPLETED, **fields})
    )
    lived.engine.events.publish(Changed(noun='restore', id=made.id, action='created'))
    return f'Restore {made.id}'


def running_restore(lived: Past) -> str:
    return new_restore(lived, status=Status.RUNNING)


def failed_restore(lived: Past) -> str:
    why = new_name('trouble')
    lived.engine.restores.settle(1, status=Status.FAILED, error_message=why)
    return why


def new_target(lived: Past) -> str:
    name = new_name('target')
    lived.engine.notifications.create({'name': name, 'url': 'json://127.0.0.1:9/x'})
    return name


def changed_target(lived: Past) -> str:
    lived.engine.notifications.update(1, {'name': new_name('target')})
    return 'Someone changed this target in the meantime.'


def other_reminders(lived: Past) -> str:
    hours = 1000 + next(NUMBERS)
    lived.engine.notifications.change_settings({'reminder_hours': hours})
    return str(hours)


def by_the_door(act: Callable[[Engine, str], object]) -> Change:
    def change(lived: Past) -> str:
        name = new_name('thing').replace(' ', '-')
        with acting(ADMIN):
            act(lived.engine.door, name)
        return name

    return change


new_user = by_the_door(lambda door, name: door.users.create({'username': name, 'password': PASSWORD}))
new_token = by_the_door(lambda door, name: door.tokens.create({'name': name, 'scope': 'read'}))


def login_elsewhere(lived: Past) -> str:
    browser = f'curl/{next(NUMBERS)}'
    lived.engine.door.accounts.login('admin', PASSWORD, f'10.9.8.{next(NUMBERS)}', browser)
    return 'curl'


def told(change: Change, sentence: str) -> Change:
    def changed(lived: Past) -> str:
        change(lived)
        return sentence

    return changed


TABLE: dict[str, list[Change]] = {
    '/': [new_client, new_job, failed_backup, running_restore],
    '/clients': [new_client, renamed_client],
    '/clients/new': [new_client],
    '/clients/1': [renamed_client, new_job, failed_backup],
    '/clients/1/edit': [told(renamed_client, 'Someone changed this client in the meantime.'), new_client],
    '/jobs': [new_job, renamed_job, renamed_client],
    '/jobs/new': [new_client],
    '/jobs/1': [renamed_job, renamed_client, other_paths, failed_backup],
    '/jobs/1/edit': [told(renamed_job, 'Someone changed this job in the meantime.')],
    '/backups': [failed_backup, new_client, new_job],
    '/backups/1': [noted_backup, pinned_backup],
    '/browse': [renamed_client, new_job],
    '/restores': [new_restore],
    '/restores/1': [failed_restore],
    '/settings': [new_target],
    '/settings/notifications': [new_target, other_reminders],
    '/settings/notifications/1': [changed_target],
    '/users': [new_user],
    '/tokens': [new_token],
    '/audit': [new_user],
    '/account': [login_elsewhere],
}


@pytest.fixture
def furnished(lived: Past) -> Iterator[Past]:
    """What the addresses of the table name is there, and nothing runs."""
    if not lived.engine.restores.page().total:
        new_restore(lived, status=Status.CANCELLED)
        lived.engine.notifications.create({'name': 'mail', 'url': 'json://127.0.0.1:9/x'})
    yield lived
    for kind in (lived.engine.restores, lived.engine.backups):
        for run in kind.page(status='running,queued', limit=1000).items:
            kind.settle(run.id, status=Status.COMPLETED)


@pytest.mark.parametrize(
    ('address', 'change'), [(page, change) for page, changes in TABLE.items() for change in changes]
)
async def test_a_change_shows_on_the_open_page(
    visitor: User, furnished: Past, address: str, change: Change
) -> None:
    client = await visitor.open(address)
    await until(lambda: not any(isinstance(one, ui.skeleton) for one in client.elements.values()))
    await until(lambda: 'admin' in words_of(client))
    before = words_of(client)
    expected = change(furnished)
    assert expected not in before
    await until(lambda: expected in words_of(client))


def test_the_table_holds_every_page(visitor: User) -> None:
    pages = {re.sub(r'{\w+}', '1', path) for path in Client.page_routes.values()}
    assert pages - TABLE.keys() == {'/login', '/login/code', '/setup', '/settings/notifications/new'}


@pytest.mark.parametrize(('noun', 'address', 'sentence'), [
    ('clients', '/clients/{}', 'Someone deleted this client in the meantime.'),
    ('clients', '/clients/{}/edit', 'Someone deleted this client in the meantime.'),
    ('jobs', '/jobs/{}', 'Someone deleted this job in the meantime.'),
    ('jobs', '/jobs/{}/edit', 'Someone deleted this job in the meantime.'),
])  # fmt: skip
async def test_a_page_says_that_what_it_is_about_was_deleted(
    visitor: User, furnished: Past, noun: str, address: str, sentence: str
) -> None:
    (new_client if noun == 'clients' else new_job)(furnished)
    service: Any = getattr(furnished.engine, noun)
    number = max(one.id for one in service.all())
    client = await visitor.open(address.format(number))
    service.delete(number)
    await until(lambda: sentence in words_of(client))


async def test_the_header_counts_and_lists_restores(visitor: User, furnished: Past) -> None:
    client = await visitor.open('/tokens')
    title = running_restore(furnished)
    number = int(title.split()[-1])
    await until(lambda: 'What runs now: 1 running' in words_of(client))
    assert title not in words_of(client), 'nobody looks at the list yet'
    [pill] = visitor.find(marker='running').elements
    [menu] = [one for one in pill.descendants() if isinstance(one, ui.menu)]
    menu.open()
    await until(lambda: title in words_of(client))
    progress = Progress(phase='restoring', percent=42, bytes=42, bytes_total=100)
    furnished.engine.events.publish(Progressed(kind='restore', run_id=number, progress=progress))
    await until(lambda: '42 % · 42 B of 100 B' in words_of(client))
    furnished.engine.restores.settle(number, status=Status.COMPLETED)
    await until(lambda: 'What runs now: idle' in words_of(client))


async def test_the_first_use_of_a_token_shows_on_the_open_page(visitor: User, furnished: Past) -> None:
    made = furnished.engine.tokens.create({'name': new_name('token'), 'scope': 'read'})
    await visitor.open('/tokens')

    def used(listed: list[dict[str, Any]]) -> str:
        return next(str(row['used']['text']) for row in listed if row['id'] == made.token.id)

    listed = await rows(visitor, 'API tokens')
    assert used(listed) == 'never'
    furnished.engine.tokens.actor(made.text)
    table = next(iter(visitor.find(kind=ui.table).elements))
    await until(lambda: used(table.rows) != 'never')


def renamed_target(lived: Past) -> str:
    name = new_name('target')
    lived.engine.notifications.update(1, {'name': name})
    return name


EDITORS: list[tuple[str, str, Change, Callable[[Engine], object]]] = [
    ('/jobs/1/edit', 'Name of the job', renamed_job, lambda engine: engine.jobs.get(1).name),
    ('/clients/1/edit', 'Name', renamed_client, lambda engine: engine.clients.get(1).name),
    ('/settings/notifications/1', 'Name', renamed_target, lambda engine: engine.notifications.get(1).name),
]


@pytest.mark.parametrize(('address', 'label', 'change', 'stored'), EDITORS, ids=[one[0] for one in EDITORS])
async def test_who_saves_second_is_told_and_overwrites_nothing(
    visitor: User,
    furnished: Past,
    address: str,
    label: str,
    change: Change,
    stored: Callable[[Engine], object],
) -> None:
    client = await visitor.open(address)
    await until(lambda: 'admin' in words_of(client))
    field(visitor, label).value = 'what the second one thinks'
    theirs = change(furnished)
    save = next(
        one
        for one in visitor.find(kind=ui.button).elements
        if one.text in {'Save', 'Save job'} and one.classes.count('primary')
    )
    for listener in save._event_listeners.values():
        save._handle_event({'listener_id': listener.id, 'args': {}})
    await visitor.should_see('in the meantime')
    assert stored(furnished.engine) == theirs


async def test_settings_that_somebody_else_changed_are_not_overwritten(
    visitor: User, furnished: Past
) -> None:
    await visitor.open('/settings/notifications')
    await visitor.should_see('Remind again after')
    field(visitor, 'The disk is low below … percent').value = 33
    theirs = other_reminders(furnished)
    visitor.find('Save').click()
    await visitor.should_see('Someone changed these settings in the meantime.')
    stored = furnished.engine.notifications.settings()
    assert (str(stored.reminder_hours), stored.disk_low_percent) == (theirs, 10)
