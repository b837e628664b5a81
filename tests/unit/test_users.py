"""The users: what an admin does with them, on a real store."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from plumbus.config import Settings
from plumbus.errors import Conflict, InvalidInput, NotFound, NotLoggedIn
from plumbus.model import Role
from plumbus.services import users as users_module
from plumbus.services.accounts import Accounts
from plumbus.services.users import Users
from plumbus.store.database import Database

PASSWORD = 'fleeb juice 42'


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Accounts:
    monkeypatch.setattr(
        users_module, 'PasswordHasher', lambda: PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    )
    settings = Settings(_env_file=None, data_dir=tmp_path, admin_password=PASSWORD)
    made = Accounts(Database(tmp_path / 'db'), settings, lambda: datetime(2026, 11, 23, tzinfo=UTC))
    made.prepare()
    return made


@pytest.fixture
def users(accounts: Accounts) -> Users:
    return accounts.users


@pytest.fixture
def ada(users: Users) -> int:
    return users.create({'username': 'ada', 'role': 'operator', 'password': PASSWORD}).id


def test_a_user_logs_in_and_is_what_the_role_says(accounts: Accounts, ada: int) -> None:
    actor = accounts.session_actor(accounts.login('ada', PASSWORD, address='10.0.0.9'), '10.0.0.9')
    assert actor is not None
    assert (actor.name, actor.kind, actor.scope, actor.address) == ('ada', 'user', 'run', '10.0.0.9')
    user = accounts.users.get(ada)
    assert user.last_login == datetime(2026, 11, 23, tzinfo=UTC)
    assert 'password_hash' not in user.model_dump()
    assert [one.username for one in accounts.users.all()] == ['ada', 'admin']


def test_another_role_holds_at_once(accounts: Accounts, ada: int) -> None:
    token = accounts.login('ada', PASSWORD)
    accounts.users.update(ada, {'role': 'viewer'})
    actor = accounts.session_actor(token)
    assert actor is not None
    assert actor.scope == 'read'


def test_another_password_ends_the_logins(accounts: Accounts, ada: int) -> None:
    token = accounts.login('ada', PASSWORD)
    accounts.users.update(ada, {'password': 'quite another one'})
    assert accounts.session_actor(token) is None
    with pytest.raises(NotLoggedIn):
        accounts.login('ada', PASSWORD)
    assert accounts.login('ada', 'quite another one')


def test_a_deleted_user_is_out(accounts: Accounts, ada: int) -> None:
    token = accounts.login('ada', PASSWORD)
    accounts.users.delete(ada)
    assert accounts.session_actor(token) is None
    with pytest.raises(NotFound):
        accounts.users.get(ada)


def test_the_last_admin_stays_one(users: Users, ada: int) -> None:
    admin = users.find('admin')
    assert admin
    for take_away in (lambda: users.delete(admin.id), lambda: users.update(admin.id, {'role': 'viewer'})):
        with pytest.raises(Conflict, match='last admin'):
            take_away()
    users.update(ada, {'role': 'admin'})
    users.delete(admin.id)
    assert users.get(ada).role is Role.ADMIN
    with pytest.raises(Conflict):
        users.delete(ada)


@pytest.mark.parametrize(
    ('fields', 'wrong'),
    [
        ({}, {'username', 'password'}),
        ({'username': 'Ada', 'password': PASSWORD}, {'username'}),
        ({'username': 'a\nb', 'password': PASSWORD}, {'username'}),
        ({'username': 'x' * 65, 'password': PASSWORD}, {'username'}),
        ({'username': '-x', 'password': PASSWORD}, {'username'}),
        ({'username': 'admin', 'password': PASSWORD}, {'username'}),
        ({'username': 'local', 'password': PASSWORD}, {'username'}),
        ({'username': 'eve', 'password': 'short'}, {'password'}),
        ({'username': 'eve', 'password': PASSWORD, 'role': 'root'}, {'role'}),
    ],
)
def test_it_says_what_is_wrong_with_a_new_user(users: Users, fields: dict[str, Any], wrong: set[str]) -> None:
    with pytest.raises(InvalidInput) as error:
        users.create(fields)
    assert set(error.value.fields) == wrong


def test_an_older_edit_does_not_win(users: Users, ada: int) -> None:
    users.update(ada, {'role': 'viewer', 'revision': 1})
    with pytest.raises(Conflict):
        users.update(ada, {'role': 'admin', 'revision': 1})
