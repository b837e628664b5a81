"""The forms of a login: password, then the code of the second factor; the desktop window's way in."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from httpx import AsyncClient

from tests.support.fake_engine import ScriptedEngine

PASSWORD = 'fleeb juice 42'


@pytest.fixture
def app(engine: ScriptedEngine) -> pyotp.TOTP:
    """The app of the user admin, who has a second factor."""
    engine.accounts.create_first_user('', PASSWORD, loopback=True)
    app = pyotp.TOTP(engine.accounts.begin_second_factor('admin', PASSWORD).seed)
    engine.accounts.confirm_second_factor('admin', app.at(datetime.now(UTC) - timedelta(seconds=30)))
    return app


async def test_password_and_code_come_one_after_the_other(stranger: AsyncClient, app: pyotp.TOTP) -> None:
    form = {'username': 'admin', 'password': PASSWORD, 'next': '/jobs?x=1'}
    first = await stranger.post('/login', data=form)
    assert (first.status_code, first.headers['location']) == (303, '/login/code?next=/jobs%3Fx%3D1')
    assert first.headers['set-cookie'].startswith('plumbus_halfway=')
    assert {'httponly', 'samesite=strict'} <= {
        part.strip().lower() for part in first.headers['set-cookie'].split(';')
    }
    assert (await stranger.get('/api/clients')).status_code == 401
    wrong = await stranger.post('/login/code', data={'code': '000000', 'next': '/jobs?x=1'})
    assert wrong.headers['location'] == '/login/code?error=1&next=/jobs%3Fx%3D1'
    right = await stranger.post('/login/code', data={'code': app.now(), 'next': '/jobs?x=1'})
    assert right.headers['location'] == '/jobs?x=1'
    assert (await stranger.get('/api/clients')).status_code == 200


async def test_a_code_without_a_password_leads_back_to_the_beginning(
    stranger: AsyncClient, app: pyotp.TOTP
) -> None:
    answer = await stranger.post('/login/code', data={'code': app.now()})
    assert answer.headers['location'] == '/login?error=1'
    assert (await stranger.get('/api/clients')).status_code == 401


async def test_it_is_told_in_the_audit_log_how_a_login_ended(
    stranger: AsyncClient, engine: ScriptedEngine, app: pyotp.TOTP
) -> None:
    await stranger.post('/login', data={'username': 'admin', 'password': PASSWORD})
    await stranger.post('/login/code', data={'code': '000000'})
    await stranger.post('/login/code', data={'code': app.now()})
    await stranger.post('/logout')
    entries = [(one.who, one.action, one.outcome) for one in reversed(engine.audit.page().items)]
    assert entries == [
        ('nobody', 'login', 'refused'), ('admin', 'login', 'done'), ('admin', 'logout', 'done'),
    ]  # fmt: skip


async def test_the_window_gets_in_by_its_secret_once(stranger: AsyncClient, engine: ScriptedEngine) -> None:
    stranger.base_url = 'http://127.0.0.1'  # type: ignore[assignment]
    secret = engine.accounts.make_window_secret()
    for wrong in ('', 'wrong'):
        assert (await stranger.get('/window', params={'secret': wrong})).headers['location'] == '/login'
    assert (await stranger.get('/api/clients')).status_code == 401
    answer = await stranger.get('/window', params={'secret': secret})
    assert answer.headers['location'] == '/'
    assert (await stranger.get('/api/clients')).status_code == 200
    stranger.cookies.clear()
    assert (await stranger.get('/window', params={'secret': secret})).headers['location'] == '/login'
    assert (await stranger.get('/api/clients')).status_code == 401


async def test_another_machine_does_not_get_in_with_it(stranger: AsyncClient, engine: ScriptedEngine) -> None:
    stranger.base_url = 'http://nas.example'  # type: ignore[assignment]
    secret = engine.accounts.make_window_secret()
    assert (await stranger.get('/window', params={'secret': secret})).headers['location'] == '/login'
    stranger.base_url = 'http://127.0.0.1'  # type: ignore[assignment]
    assert (await stranger.get('/window', params={'secret': secret})).headers['location'] == '/'
