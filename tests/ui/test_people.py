"""Account, users, tokens and audit log, and what each role sees, with the real engine behind the pages."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from argon2 import PasswordHasher
from httpx import ASGITransport, AsyncClient
from nicegui import Client, app, ui
from nicegui.testing import User

from plumbus.api.application import create_api
from plumbus.api.security import Gate, Guard
from plumbus.config import Settings
from plumbus.model import Status
from tests.support.fake_engine import ScriptedEngine
from tests.support.visitor import simulated, until
from tests.ui.conftest import field, rows

PASSWORD = 'fleeb juice 42'
ACTS = {
    '/clients': 'Add a client', '/clients/1': 'Edit', '/jobs': 'Add a job', '/jobs/1': 'Delete', '/backups/1': 'Delete',
}  # fmt: skip
OPEN_PAGES = {'/login', '/login/code', '/setup'}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[ScriptedEngine]:
    """A client, a job, a backup, and a user of each role."""
    engine = ScriptedEngine(Settings(_env_file=None, data_dir=tmp_path))
    engine.users._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    engine.ending['status'] = Status.COMPLETED
    engine.start()
    engine.accounts.create_first_user('', PASSWORD, loopback=True)
    for name, role in (('ada', 'operator'), ('eve', 'viewer')):
        engine.users.create({'username': name, 'role': role, 'password': PASSWORD})
    engine.clients.create({'name': 'attic', 'host': 'pi.local', 'username': 'pi'})
    engine.jobs.create({'client_id': 1, 'name': 'home', 'source_paths': ['/home']})
    engine.backups.wait(engine.jobs.run(1).id, 60)
    yield engine
    engine.stop()


@pytest.fixture
async def guest(house: ScriptedEngine) -> AsyncIterator[User]:
    """Somebody before the pages, not logged in."""
    async with simulated() as visitor:
        from pages import register_all

        register_all(house.door)
        yield visitor


@pytest.fixture
def admin(guest: User, house: ScriptedEngine) -> User:
    return logged_in(guest, house, 'admin')


def logged_in(guest: User, house: ScriptedEngine, name: str) -> User:
    token = house.accounts.login(name, PASSWORD, '10.0.0.9', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140')
    guest.http_client.cookies.set('plumbus_session', token)
    return guest


class TestRoles:
    """What a role may not do is not shown, and a page for it says so."""

    async def test_every_page_is_closed_without_a_login(self, guest: User, house: ScriptedEngine) -> None:
        paths = {re.sub(r'{\w+}', '1', path) for path in Client.page_routes.values()}
        assert {'/', '/clients/1', '/users', '/audit'} <= paths
        gate = Gate(house)
        guard = Guard(app, create_api(house, gate), gate)
        async with AsyncClient(transport=ASGITransport(guard), base_url='http://nas') as stranger:
            for path in paths - OPEN_PAGES:
                answer = await stranger.get(path)
                assert answer.status_code == 303, path
                assert answer.headers['location'].startswith('/login?next='), path

    @pytest.mark.parametrize(('name', 'sees'), [('eve', False), ('admin', True)])
    async def test_who_may_only_look_is_offered_nothing(
        self, guest: User, house: ScriptedEngine, name: str, *, sees: bool
    ) -> None:
        logged_in(guest, house, name)
        for path, act in ACTS.items():
            await guest.open(path)
            shown = [one for one in guest.find(ui.button).elements if one.text == act and one.visible]
            assert bool(shown) is sees, (path, act)

    async def test_an_operator_runs_and_edits_nothing(self, guest: User, house: ScriptedEngine) -> None:
        logged_in(guest, house, 'ada')
        await guest.open('/jobs/1')
        await guest.should_see('Run now')
        await guest.should_not_see('Delete')

    @pytest.mark.parametrize(
        'path',
        ['/clients/new', '/clients/1/edit', '/jobs/new', '/jobs/1/edit', '/users', '/tokens', '/audit'],
    )
    @pytest.mark.parametrize('name', ['ada', 'eve'])
    async def test_pages_of_an_admin_say_so(
        self, guest: User, house: ScriptedEngine, path: str, name: str
    ) -> None:
        logged_in(guest, house, name)
        answer = await guest.http_client.get(path)
        assert answer.status_code == 403
        assert 'Your role does not allow this.' in answer.text

    async def test_another_role_holds_from_the_next_click_on(
        self, guest: User, house: ScriptedEngine
    ) -> None:
        logged_in(guest, house, 'ada')
        await guest.open('/jobs/1')
        ada = house.users.find('ada')
        assert ada
        house.users.update(ada.id, {'role': 'viewer'})
        guest.find('Run now').click()
        await guest.should_see('Your role does not allow this.')
        assert house.backups.page().total == 1


class TestAccount:
    """One's own password, second factor and logins."""

    async def test_it_changes_the_password(self, admin: User, house: ScriptedEngine) -> None:
        await admin.open('/account')
        field(admin, 'Present password').value = PASSWORD
        field(admin, 'New password').value = field(admin, 'New password again').value = 'more fleeb juice'
        admin.find('Change the password').click()
        await until(lambda: field(admin, 'New password').value == '')
        assert house.accounts.login('admin', 'more fleeb juice')

    async def test_it_says_beside_the_field_what_is_wrong(self, admin: User) -> None:
        await admin.open('/account')
        field(admin, 'Present password').value = 'wrong'
        field(admin, 'New password').value = 'more fleeb juice'
        admin.find('Change the password').click()
        await until(lambda: bool(field(admin, 'New password again').error))
        field(admin, 'New password again').value = 'more fleeb juice'
        admin.find('Change the password').click()
        await until(lambda: field(admin, 'Present password').error == 'Is not your present password.')

    async def test_it_ends_another_login(self, admin: User, house: ScriptedEngine) -> None:
        other = house.accounts.login('admin', PASSWORD, '10.0.0.7', 'curl/8')
        await admin.open('/account')
        await admin.should_see('Firefox on Linux')
        await admin.should_see('this one')
        admin.find('End').click()
        await until(lambda: house.accounts.session_user(other) is None)
        assert house.accounts.session_user(admin.http_client.cookies['plumbus_session'])

    async def test_it_shows_at_once_that_another_login_is_used(
        self, admin: User, house: ScriptedEngine
    ) -> None:
        other = house.accounts.login('admin', PASSWORD, '10.0.0.7', 'curl/8')
        session = house.accounts.sessions.find(other)
        assert session
        long_ago = datetime.now(UTC) - timedelta(hours=3)
        house.accounts.sessions._sessions.set(session.id, used_at=long_ago)
        await admin.open('/account')
        await admin.should_see('3 h ago')
        assert house.accounts.session_user(other)
        await admin.should_not_see('3 h ago')

    async def test_it_sets_up_a_second_factor(self, admin: User, house: ScriptedEngine) -> None:
        await admin.open('/account')
        await admin.should_see('Set it up')
        field(admin, 'Your password').value = PASSWORD
        admin.find('Set it up').click()
        await admin.should_see('Turn it on')
        assert admin.client
        [shown] = [e for e in admin.client.elements.values() if 'mono' in e.classes and e.tag == 'span']
        seed = str(getattr(shown, 'text', '')).replace(' ', '')
        [picture] = [e for e in admin.client.elements.values() if 'qr' in e.classes]
        assert picture.props['src'].startswith('data:image/svg+xml')
        field(admin, 'Code').value = '000000'
        admin.find('Turn it on').click()
        await until(lambda: bool(field(admin, 'Code').error))
        field(admin, 'Code').value = pyotp.TOTP(seed).at(datetime.now(UTC) - timedelta(seconds=1))
        admin.find('Turn it on').click()
        await admin.should_see('Your recovery codes')
        assert house.accounts.own_user('admin').has_second_factor
        admin.find('I have them').click()
        await admin.should_see('10 recovery codes left.')
        field(admin, 'Your password').value = PASSWORD
        admin.find('Turn it off').click()
        await admin.should_see('Set it up')


class TestUsers:
    """The page of an admin."""

    async def test_it_adds_a_user(self, admin: User, house: ScriptedEngine) -> None:
        await admin.open('/users')
        assert [row['name']['text'] for row in await rows(admin, 'Users')] == ['ada', 'admin', 'eve']
        admin.find('Add a user').click()
        await admin.should_see('User name')
        field(admin, 'User name').value = 'Bob'
        field(admin, 'Password').value = PASSWORD
        admin.find('Save').click()
        await until(lambda: 'small letters' in (field(admin, 'User name').error or ''))
        field(admin, 'User name').value = 'bob'
        admin.find('Save').click()
        await until(lambda: house.users.find('bob') is not None)

    async def test_it_never_lets_the_last_admin_go(self, admin: User, house: ScriptedEngine) -> None:
        await admin.open('/users')
        [row] = [row for row in await rows(admin, 'Users') if row['name']['text'] == 'admin']
        admin.find(ui.table).trigger('act', {'act': 'delete', 'id': row['id']})
        await admin.should_see('Delete admin?')
        admin.find(marker='confirm').click()
        await admin.should_see('admin is the last admin.')
        assert house.users.find('admin')


async def ask_for_token(admin: User, name: str) -> None:
    await admin.open('/tokens')
    admin.find('Make a token').click()
    await admin.should_see('What it is for')
    field(admin, 'Name').value = name
    admin.find('Make it').click()


class TestTokens:
    """Made, shown once, ended."""

    async def test_it_shows_a_token_once(self, admin: User, house: ScriptedEngine) -> None:
        await ask_for_token(admin, 'home automation')
        await admin.should_see('it is shown this once')
        assert admin.client
        [shown] = [e for e in admin.client.elements.values() if e.tag == 'code']
        actor = house.tokens.actor(str(getattr(shown, 'text', '')))
        assert actor is not None
        assert (actor.name, actor.scope) == ('home automation', 'read')
        assert house.tokens.all()[0].created_by == 'admin'


class TestAudit:
    """Read, and nothing else."""

    async def test_it_tells_who_did_what(self, admin: User, house: ScriptedEngine) -> None:
        await ask_for_token(admin, '<img src=x onerror=alert(1)>')
        await until(lambda: bool(house.tokens.all()))
        await admin.open('/audit')
        [row] = await rows(admin, 'Audit log')
        assert row['who']['text'] == 'admin'
        assert row['what']['text'] == 'made a token'
        assert row['object']['text'] == 'token 1 <img src=x onerror=alert(1)>'
        assert row['outcome']['text'] == 'Done'
        for word in ('Clear', 'Delete', 'Empty'):
            await admin.should_not_see(word)
