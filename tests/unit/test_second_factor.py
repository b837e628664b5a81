"""The second factor: codes of an app by time, recovery codes that work once; nothing of it can be replayed or guessed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from argon2 import PasswordHasher
from cryptography.fernet import Fernet

from plumbus.config import Settings
from plumbus.errors import Conflict, InvalidInput, NotLoggedIn
from plumbus.services import users as users_module
from plumbus.services.accounts import Accounts
from plumbus.services.second_factor import CodeNeeded
from plumbus.services.throttle import TooManyTries
from plumbus.store.database import Database
from plumbus.store.vault import Vault

PASSWORD = 'fleeb juice 42'


class Clock:
    now = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    monkeypatch.setattr(
        users_module, 'PasswordHasher', lambda: PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    )
    return make(tmp_path, clock, Fernet.generate_key().decode())


def make(folder: Path, clock: Clock, key: str) -> Accounts:
    database = Database(folder / 'db')
    settings = Settings(_env_file=None, data_dir=folder, admin_password=PASSWORD)
    made = Accounts(database, settings, clock, clock.seconds, Vault(database, key))
    made.prepare()
    return made


@pytest.fixture
def app(accounts: Accounts, clock: Clock) -> pyotp.TOTP:
    """The app of the user admin, set up half a minute ago."""
    app = pyotp.TOTP(accounts.begin_second_factor('admin', PASSWORD).seed)
    accounts.confirm_second_factor('admin', app.at(clock.now))
    clock.forward(31)
    return app


def ticket(accounts: Accounts) -> str:
    with pytest.raises(CodeNeeded) as needed:
        accounts.login('admin', PASSWORD, address='10.0.0.9', browser='Lynx')
    return needed.value.ticket


def test_setting_it_up_wants_the_password_and_a_first_code(accounts: Accounts, clock: Clock) -> None:
    with pytest.raises(InvalidInput):
        accounts.begin_second_factor('admin', 'wrong')
    with pytest.raises(Conflict):
        accounts.confirm_second_factor('admin', '123456')
    setup = accounts.begin_second_factor('admin', PASSWORD)
    assert setup.address == pyotp.TOTP(setup.seed).provisioning_uri(name='admin', issuer_name='PLUMBUS')
    with pytest.raises(InvalidInput):
        accounts.confirm_second_factor('admin', '000000')
    assert accounts.login('admin', PASSWORD), 'nothing changes before the app has proved that it works'
    codes = accounts.confirm_second_factor('admin', pyotp.TOTP(setup.seed).at(clock.now))
    assert len(set(codes)) == 10
    assert accounts.own_user('admin').has_second_factor
    with pytest.raises(Conflict):
        accounts.begin_second_factor('admin', PASSWORD)


def test_password_and_code_open_the_door_together(accounts: Accounts, app: pyotp.TOTP, clock: Clock) -> None:
    token = accounts.login_code(ticket(accounts), app.at(clock.now))
    actor = accounts.session_actor(token)
    assert actor is not None
    assert actor.name == 'admin'
    [session] = accounts.own_sessions('admin', token)
    assert (session.address, session.browser) == ('10.0.0.9', 'Lynx')


def test_spaces_do_not_matter_and_clocks_may_be_half_a_minute_off(
    accounts: Accounts, app: pyotp.TOTP, clock: Clock
) -> None:
    code = app.at(clock.now)
    clock.forward(29)
    assert accounts.login_code(ticket(accounts), f' {code[:3]} {code[3:]} ')
    with pytest.raises(NotLoggedIn):
        accounts.login_code(ticket(accounts), app.at(clock.now + timedelta(seconds=91)))


def test_a_code_works_once_and_no_older_one_after_it(
    accounts: Accounts, app: pyotp.TOTP, clock: Clock
) -> None:
    old, code = app.at(clock.now - timedelta(seconds=1)), app.at(clock.now + timedelta(seconds=30))
    assert accounts.login_code(ticket(accounts), code)
    for replayed in (code, app.at(clock.now), old):
        with pytest.raises(NotLoggedIn):
            accounts.login_code(ticket(accounts), replayed)
        clock.forward(0.01)
        accounts.second_factor._throttle.succeeded('code:1')  # type: ignore[union-attr]


def test_the_code_of_the_set_up_cannot_be_used_again(accounts: Accounts, clock: Clock) -> None:
    app = pyotp.TOTP(accounts.begin_second_factor('admin', PASSWORD).seed)
    code = app.at(clock.now)
    accounts.confirm_second_factor('admin', code)
    with pytest.raises(NotLoggedIn):
        accounts.login_code(ticket(accounts), code)


def test_guessing_codes_gets_slower(accounts: Accounts, app: pyotp.TOTP, clock: Clock) -> None:
    for _ in range(3):
        with pytest.raises(NotLoggedIn, match='wrong'):
            accounts.login_code(ticket(accounts), '000000')
    with pytest.raises(TooManyTries):
        accounts.login_code(ticket(accounts), app.at(clock.now))
    clock.forward(1)
    assert accounts.login_code(ticket(accounts), app.at(clock.now))


def test_a_ticket_is_short_lived_and_works_once(accounts: Accounts, app: pyotp.TOTP, clock: Clock) -> None:
    for made_up in ('', 'x', 'ä'):
        with pytest.raises(NotLoggedIn):
            accounts.login_code(made_up, app.at(clock.now))
    mine = ticket(accounts)
    assert accounts.login_code(mine, app.at(clock.now))
    clock.forward(30)
    with pytest.raises(NotLoggedIn):
        accounts.login_code(mine, app.at(clock.now))
    late = ticket(accounts)
    clock.forward(301)
    with pytest.raises(NotLoggedIn, match='too long'):
        accounts.login_code(late, app.at(clock.now))


def test_a_recovery_code_works_once(accounts: Accounts, app: pyotp.TOTP) -> None:
    codes = accounts.new_recovery_codes('admin', PASSWORD)
    typed = codes[3].lower().replace('-', ' ')
    assert accounts.login_code(ticket(accounts), typed)
    assert accounts.recovery_codes_left('admin') == 9
    with pytest.raises(NotLoggedIn):
        accounts.login_code(ticket(accounts), typed)


def test_new_recovery_codes_end_the_old_ones(accounts: Accounts, app: pyotp.TOTP) -> None:
    old = accounts.new_recovery_codes('admin', PASSWORD)
    accounts.new_recovery_codes('admin', PASSWORD)
    with pytest.raises(NotLoggedIn):
        accounts.login_code(ticket(accounts), old[0])


def test_turning_it_off_wants_the_password(accounts: Accounts, app: pyotp.TOTP) -> None:
    with pytest.raises(InvalidInput):
        accounts.turn_off_second_factor('admin', 'wrong')
    accounts.turn_off_second_factor('admin', PASSWORD)
    assert accounts.login('admin', PASSWORD)
    assert not accounts.own_user('admin').has_second_factor


def test_an_admin_resets_that_of_somebody_else(accounts: Accounts, app: pyotp.TOTP, clock: Clock) -> None:
    token = accounts.login_code(ticket(accounts), app.at(clock.now))
    accounts.reset_second_factor(1)
    assert accounts.session_actor(token) is None
    assert accounts.login('admin', PASSWORD)


def test_the_command_resets_it_when_told_so(accounts: Accounts, app: pyotp.TOTP) -> None:
    accounts.reset_password(PASSWORD)
    assert ticket(accounts)
    accounts.reset_password(PASSWORD, keep_second_factor=False)
    assert accounts.login('admin', PASSWORD)


def test_neither_seed_nor_recovery_codes_are_stored_readable(
    accounts: Accounts, app: pyotp.TOTP, tmp_path: Path
) -> None:
    codes = accounts.new_recovery_codes('admin', PASSWORD)
    stored = b''.join(path.read_bytes() for path in (tmp_path / 'db').iterdir() if path.is_file())
    for secret in (app.secret, *codes, *(code.replace('-', '') for code in codes)):
        assert secret.encode() not in stored
    assert 'digest' not in accounts.own_user('admin').model_dump_json()


def test_with_a_lost_key_recovery_codes_still_work_and_nothing_else(
    accounts: Accounts, app: pyotp.TOTP, tmp_path: Path, clock: Clock
) -> None:
    codes = accounts.new_recovery_codes('admin', PASSWORD)
    again = make(tmp_path, clock, Fernet.generate_key().decode())
    with pytest.raises(NotLoggedIn):
        again.login_code(ticket(again), app.at(clock.now))
    assert again.login_code(ticket(again), codes[0])


def test_a_password_alone_opens_nothing(accounts: Accounts, app: pyotp.TOTP, tmp_path: Path) -> None:
    before = len(accounts.own_sessions('admin'))
    ticket(accounts)
    assert len(accounts.own_sessions('admin')) == before
    assert accounts.session_actor(ticket(accounts)) is None
