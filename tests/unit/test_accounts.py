"""Users, passwords, sessions, the first-start code and the bearer token, on a real store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from plumbus.config import Settings
from plumbus.errors import Conflict, InvalidInput, NotFound, NotLoggedIn
from plumbus.model import Role, Scope
from plumbus.services import sessions as sessions_module
from plumbus.services import users as users_module
from plumbus.services.accounts import Accounts
from plumbus.services.digests import digest
from plumbus.services.throttle import Throttle, TooManyTries, delay_after
from plumbus.store.database import Database

PASSWORD = 'fleeb juice 42'


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        users_module, 'PasswordHasher', lambda: PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    )


def make(folder: Path, clock: Clock, **settings: Any) -> Accounts:
    return Accounts(
        Database(folder / 'db'), Settings(_env_file=None, data_dir=folder, **settings), clock, clock.seconds
    )


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Accounts:
    made = make(tmp_path, clock, admin_password=PASSWORD, api_token='a-token')
    made.prepare()
    return made


def test_it_creates_admin_from_the_settings(accounts: Accounts) -> None:
    assert accounts.has_users()
    assert accounts.first_start_code == ''
    user = accounts.session_user(accounts.login('admin', PASSWORD))
    assert user is not None
    assert user.username == 'admin'
    assert 'password_hash' not in user.model_dump()


def test_it_ignores_the_password_of_the_settings_at_later_starts(
    tmp_path: Path, clock: Clock, accounts: Accounts
) -> None:
    again = make(tmp_path, clock, admin_password='another password')
    again.prepare()
    assert again.login('admin', PASSWORD)


@pytest.mark.parametrize(
    ('username', 'password'), [('admin', 'wrong'), ('admin', ''), ('nobody', PASSWORD), ('local', '')]
)
def test_it_refuses_a_wrong_login(accounts: Accounts, username: str, password: str) -> None:
    accounts.enter_window(accounts.make_window_secret())
    with pytest.raises(NotLoggedIn, match='user name or the password'):
        accounts.login(username, password)


def test_it_accepts_any_text_as_a_password(accounts: Accounts) -> None:
    with pytest.raises(NotLoggedIn):
        accounts.login('admin', 'half a \ud800 pair')


def test_it_stores_neither_password_nor_token(tmp_path: Path, accounts: Accounts) -> None:
    token = accounts.login('admin', PASSWORD)
    stored = b''.join(file.read_bytes() for file in (tmp_path / 'db').iterdir())
    assert b'argon2id' in stored
    assert PASSWORD.encode() not in stored
    assert token.encode() not in stored


def test_it_makes_guessing_slower_and_slower(accounts: Accounts, clock: Clock) -> None:
    for _ in range(3):
        with pytest.raises(NotLoggedIn, match='wrong'):
            accounts.login('admin', 'guess', address='10.0.0.9')
    with pytest.raises(TooManyTries) as error:
        accounts.login('admin', PASSWORD, address='10.0.0.9')
    assert error.value.seconds == 1
    assert accounts.login('admin', PASSWORD, address='10.0.0.10'), 'another place is not held up'
    clock.forward(seconds=1)
    assert accounts.login('admin', PASSWORD, address='10.0.0.9')
    with pytest.raises(NotLoggedIn, match='wrong\\.'):
        accounts.login('admin', 'guess', address='10.0.0.9')


def test_a_session_ends_when_it_is_idle(accounts: Accounts, clock: Clock) -> None:
    token = accounts.login('admin', PASSWORD)
    clock.forward(days=6)
    assert accounts.session_user(token)
    clock.forward(days=6)
    assert accounts.session_user(token)
    clock.forward(days=8)
    assert accounts.session_user(token) is None


def test_a_session_ends_after_thirty_days_however_busy(accounts: Accounts, clock: Clock) -> None:
    token = accounts.login('admin', PASSWORD)
    for _ in range(30):
        clock.forward(days=1)
        assert accounts.session_user(token)
    clock.forward(minutes=1)
    assert accounts.session_user(token) is None


def test_a_session_outlives_a_restart_and_ends_with_logout(
    tmp_path: Path, clock: Clock, accounts: Accounts
) -> None:
    token = accounts.login('admin', PASSWORD)
    again = make(tmp_path, clock)
    assert again.session_user(token)
    again.logout(token)
    again.logout('unknown')
    assert again.session_user(token) is None


def test_it_keeps_a_bounded_number_of_sessions(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module, 'MOST_SESSIONS', 3)
    tokens = [accounts.login('admin', PASSWORD) for _ in range(5)]
    assert [accounts.session_user(token) is not None for token in tokens] == [False, False, True, True, True]


@pytest.mark.parametrize('token', ['', 'x', 'a' * 10_000, '\udcff'])
def test_it_knows_no_invented_session(accounts: Accounts, token: str) -> None:
    assert accounts.session_user(token) is None


def test_changing_the_password_ends_the_other_sessions(accounts: Accounts) -> None:
    mine, other = accounts.login('admin', PASSWORD), accounts.login('admin', PASSWORD)
    accounts.change_password('admin', PASSWORD, 'grumbo and schleem', keep_token=mine)
    assert accounts.session_user(mine)
    assert accounts.session_user(other) is None
    assert accounts.login('admin', 'grumbo and schleem')


@pytest.mark.parametrize(
    ('old', 'new', 'field'),
    [('wrong', 'long enough', 'old'), (PASSWORD, 'short', 'new'), (PASSWORD, 'x' * 2000, 'new')],
)
def test_it_refuses_a_bad_change_of_password(accounts: Accounts, old: str, new: str, field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        accounts.change_password('admin', old, new)
    assert list(error.value.fields) == [field]
    assert accounts.login('admin', PASSWORD)


def test_own_logins_are_listed_and_ended_one_by_one(accounts: Accounts, clock: Clock) -> None:
    ended = list[str]()
    accounts.when_session_ends(ended.append)
    old = accounts.login('admin', PASSWORD, address='10.0.0.9', browser='Lynx' * 100)
    clock.forward(minutes=1)
    new = accounts.login('admin', PASSWORD, address='10.0.0.10')
    listed = accounts.own_sessions('admin', new)
    assert [(one.address, one.present) for one in listed] == [('10.0.0.10', True), ('10.0.0.9', False)]
    assert listed[1].browser == ('Lynx' * 100)[:200]
    accounts.end_session('admin', listed[1].id)
    assert accounts.session_user(old) is None
    assert accounts.session_user(new)
    assert ended == [digest(old)]


def test_nobody_ends_the_login_of_another(accounts: Accounts) -> None:
    accounts.users.create({'username': 'ada', 'password': PASSWORD})
    token = accounts.login('admin', PASSWORD)
    [session] = accounts.own_sessions('admin')
    for user in ('ada', 'nobody'):
        with pytest.raises(NotFound):
            accounts.end_session(user, session.id)
    assert accounts.session_user(token)


def test_looking_on_does_not_keep_a_session_alive(accounts: Accounts, clock: Clock) -> None:
    token = accounts.login('admin', PASSWORD)
    for _ in range(8):
        clock.forward(hours=23)
        assert accounts.session_user(token, touch=False) is not None or clock.now.day > 29
    assert accounts.session_user(token, touch=False) is None


@pytest.mark.parametrize(('setting', 'hours'), [('session_days', 24), ('session_idle_hours', 1)])
def test_the_settings_say_how_long_a_login_lasts(
    tmp_path: Path, clock: Clock, setting: str, hours: int
) -> None:
    accounts = make(tmp_path, clock, admin_password=PASSWORD, **{setting: 1})
    accounts.prepare()
    token = accounts.login('admin', PASSWORD)
    clock.forward(hours=hours)
    assert accounts.session_user(token)
    clock.forward(hours=hours, seconds=1)
    assert accounts.session_user(token) is None


def test_a_failed_login_is_told_in_the_log_without_what_was_typed(
    accounts: Accounts, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NotLoggedIn):
        accounts.login('my secret pass', 'another secret', address='10.0.0.9')
    assert 'failed to log in (from 10.0.0.9)' in caplog.text
    assert 'secret' not in caplog.text


def test_users_of_before_there_were_roles_have_an_admin_again(tmp_path: Path, clock: Clock) -> None:
    accounts = make(tmp_path, clock)
    accounts.users.set_password('admin', PASSWORD, Role.VIEWER)
    accounts.prepare()
    assert accounts.users.admins() == 1


def test_a_reset_password_needs_no_old_one_and_ends_every_session(accounts: Accounts) -> None:
    tokens = [accounts.login('admin', PASSWORD) for _ in range(2)]
    accounts.reset_password('quite another one')
    assert [accounts.session_user(token) for token in tokens] == [None, None]
    assert accounts.login('admin', 'quite another one')
    with pytest.raises(NotLoggedIn):
        accounts.login('admin', PASSWORD)


def test_a_reset_password_may_be_the_first_one(tmp_path: Path, clock: Clock) -> None:
    new = make(tmp_path, clock)
    with pytest.raises(InvalidInput):
        new.reset_password('short')
    assert not new.has_users()
    new.reset_password(PASSWORD)
    assert new.login('admin', PASSWORD)


def test_the_first_visit_needs_the_code_of_the_log(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = make(tmp_path, clock)
    accounts.prepare()
    code = accounts.first_start_code
    assert code
    assert code in caplog.text
    with pytest.raises(NotLoggedIn, match='log of PLUMBUS'):
        accounts.create_first_user('WRONG', PASSWORD, loopback=False)
    with pytest.raises(InvalidInput):
        accounts.create_first_user(code, 'short', loopback=False)
    typed = f' {code.lower().replace("-", " ")} '
    assert accounts.session_user(accounts.create_first_user(typed, PASSWORD, loopback=False))
    assert accounts.first_start_code == ''
    with pytest.raises(Conflict):
        accounts.create_first_user(code, PASSWORD, loopback=False)


def test_the_first_visit_from_the_machine_itself_needs_no_code(tmp_path: Path, clock: Clock) -> None:
    accounts = make(tmp_path, clock)
    assert accounts.create_first_user('', PASSWORD, loopback=True)
    with pytest.raises(Conflict):
        accounts.create_first_user('', PASSWORD, loopback=True)


def test_guessing_the_code_gets_slower(tmp_path: Path, clock: Clock) -> None:
    accounts = make(tmp_path, clock)
    for _ in range(3):
        with pytest.raises(NotLoggedIn):
            accounts.create_first_user('WRONG', PASSWORD, loopback=False)
    with pytest.raises(TooManyTries):
        accounts.create_first_user(accounts.first_start_code, PASSWORD, loopback=False)


def test_it_remembers_the_theme_of_each_user(tmp_path: Path, clock: Clock, accounts: Accounts) -> None:
    assert accounts.theme('admin') == 'auto'
    accounts.set_theme('admin', 'dark')
    assert make(tmp_path, clock).theme('admin') == 'dark'
    assert accounts.theme('nobody') == 'auto'
    with pytest.raises(NotFound):
        accounts.set_theme('nobody', 'dark')
    with pytest.raises(InvalidInput):
        accounts.set_theme('admin', 'pink')  # type: ignore[arg-type]


class TestDesktopWindow:
    """It gets in by a secret, once and soon."""

    def test_its_user_is_an_admin_to_whom_no_password_leads(self, tmp_path: Path, clock: Clock) -> None:
        accounts = make(tmp_path, clock)
        tokens = [accounts.enter_window(accounts.make_window_secret()) for _ in range(2)]
        actors = [accounts.session_actor(token) for token in tokens]
        assert [(actor.name, actor.scope) for actor in actors if actor] == [('local', Scope.ADMIN)] * 2
        accounts.set_theme('local', 'light')
        assert not accounts.has_users()
        assert accounts.users.all() == []

    @pytest.mark.parametrize('secret', ['', 'wrong', 'a' * 200])
    def test_a_wrong_secret_opens_nothing(self, accounts: Accounts, secret: str) -> None:
        with pytest.raises(NotLoggedIn):
            accounts.enter_window(secret)
        accounts.make_window_secret()
        with pytest.raises(NotLoggedIn):
            accounts.enter_window(secret)

    def test_a_secret_works_once(self, accounts: Accounts) -> None:
        secret = accounts.make_window_secret()
        accounts.enter_window(secret)
        with pytest.raises(NotLoggedIn):
            accounts.enter_window(secret)

    def test_an_old_secret_works_no_more(self, accounts: Accounts, clock: Clock) -> None:
        secret = accounts.make_window_secret()
        clock.forward(minutes=6)
        with pytest.raises(NotLoggedIn):
            accounts.enter_window(secret)


def test_the_delay_doubles_up_to_a_minute() -> None:
    assert [delay_after(tries) for tries in (0, 2, 3, 4, 5, 8, 9, 10**6)] == [0, 0, 1, 2, 4, 32, 60, 60]


def test_old_tries_are_forgotten(clock: Clock) -> None:
    throttle = Throttle(clock.seconds)
    for _ in range(3):
        throttle.enter('here')
    clock.forward(hours=1.1)
    for _ in range(3):
        throttle.enter('here')
    with pytest.raises(TooManyTries):
        throttle.enter('here')
