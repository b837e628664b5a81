"""The door before the engine: nobody does more than the table of rights says, and what is done is noted."""

from pathlib import Path
from typing import Any

import pytest

from plumbus.errors import Conflict, InvalidInput, NotLoggedIn, NotPermitted
from plumbus.model import Actor, AuditEntry, Scope, acting
from plumbus.services.audit import Audit
from plumbus.services.door import Door
from plumbus.store.audit_file import AuditFile


class Thing:
    def __init__(self, number: int, name: str) -> None:
        self.id, self.name, self.client_id = number, name, 1


class Jobs:
    secret_value = 42

    def all(self) -> list[int]:
        return [1]

    def get(self, job_id: int) -> Thing:
        return Thing(job_id, 'Home')

    def run(self, job_id: int, trigger: str = 'manual') -> str:
        if job_id == 9:
            raise Conflict('It runs already.')
        return trigger

    def update(self, job_id: int, fields: dict[str, Any]) -> Thing:
        return Thing(job_id, 'Other')

    def forgotten(self) -> str:
        return 'nobody thought of it'


class Accounts:
    def known_name(self, username: str) -> str:
        return username if username == 'ada' else ''

    def login(self, username: str, password: str, address: str = '') -> str:
        if password != 'right':
            raise NotLoggedIn('Wrong.')
        return 'token'

    def set_theme(self, username: str, theme: str) -> None:
        return None


class House:
    settings = 'settings'
    jobs = Jobs()
    accounts = Accounts()


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(file=AuditFile(tmp_path / 'logs'))


@pytest.fixture
def door(audit: Audit) -> Any:
    return Door(House(), audit)


def actor(scope: str, name: str = 'ada', kind: Any = 'user') -> Actor:
    return Actor(name=name, kind=kind, scope=Scope(scope), address='10.0.0.9')


def told(audit: Audit) -> list[tuple[str, str, str, str, str]]:
    def row(entry: AuditEntry) -> tuple[str, str, str, str, str]:
        return entry.who, entry.address, entry.action, entry.object, entry.outcome

    return [row(entry) for entry in reversed(audit.page().items)]


def test_nobody_gets_anything(door: Any, audit: Audit) -> None:
    for ask in (door.jobs.all, lambda: door.jobs.run(1), lambda: door.jobs.secret_value):
        with pytest.raises(NotLoggedIn):
            ask()
    assert told(audit) == [], 'whoever polls without a login does not fill the disk'


def test_each_may_what_the_scope_says(door: Any) -> None:
    with acting(actor('read')):
        assert door.jobs.all() == [1]
        with pytest.raises(NotPermitted, match='role'):
            door.jobs.run(1)
    with acting(actor('run')):
        assert door.jobs.run(1) == 'manual'
        with pytest.raises(NotPermitted):
            door.jobs.update(1, {})
    with acting(actor('admin')):
        assert door.jobs.update(1, {}).name == 'Other'


def test_what_nobody_thought_of_needs_an_admin(door: Any) -> None:
    with acting(actor('run')):
        with pytest.raises(NotPermitted):
            door.jobs.forgotten()
        with pytest.raises(NotPermitted):
            _ = door.jobs.secret_value
    with acting(actor('admin')):
        assert door.jobs.forgotten()
        assert door.jobs.secret_value == 42


def test_a_token_is_told_its_scope(door: Any) -> None:
    with acting(actor('read', kind='token')), pytest.raises(NotPermitted, match=r'scope is read.* scope run'):
        door.jobs.run(1)


def test_what_is_ones_own_is_nobody_elses(door: Any) -> None:
    with acting(actor('admin')):
        door.accounts.set_theme('ada', 'dark')
        with pytest.raises(NotPermitted):
            door.accounts.set_theme('eve', 'dark')
    with acting(actor('admin', kind='token')), pytest.raises(NotPermitted):
        door.accounts.set_theme('ada', 'dark')


def test_it_notes_what_is_done_refused_and_failed(door: Any, audit: Audit) -> None:
    with acting(actor('admin')):
        door.jobs.all()
        door.jobs.run(3)
        with pytest.raises(Conflict):
            door.jobs.run(9)
    with acting(actor('read', 'eve')), pytest.raises(NotPermitted):
        door.jobs.run(3)
    assert told(audit) == [
        ('ada', '10.0.0.9', 'job.run', 'job 3 Home', 'done'),
        ('ada', '10.0.0.9', 'job.run', 'job 9 Home', 'failed'),
        ('eve', '10.0.0.9', 'job.run', 'job 3 Home', 'refused'),
    ]


def test_of_a_change_it_notes_the_fields_and_no_value(door: Any, audit: Audit) -> None:
    with acting(actor('admin')):
        door.jobs.update(3, {'pre_command': 'echo hunter2', 'name': 'x', 'revision': 4})
    [entry] = audit.page().items
    assert entry.details == 'name, pre_command'
    assert 'hunter2' not in entry.model_dump_json()


def test_it_notes_logins_but_no_word_that_may_be_a_password(door: Any, audit: Audit) -> None:
    door.accounts.login('ada', 'right', address='10.0.0.7')
    for name in ('ada', 'my secret'):
        with pytest.raises(NotLoggedIn):
            door.accounts.login(name, 'hunter2', address='10.0.0.7')
    assert told(audit) == [
        ('ada', '10.0.0.7', 'login', 'user ada', 'done'),
        ('nobody', '10.0.0.7', 'login', 'user ada', 'refused'),
        ('nobody', '10.0.0.7', 'login', '', 'refused'),
    ]


def test_a_wrong_call_is_the_error_it_always_was(door: Any) -> None:
    with acting(actor('admin')), pytest.raises(TypeError):
        door.jobs.run()
    with acting(actor('admin')), pytest.raises(AttributeError):
        door.jobs.nothing()
    assert door.settings == 'settings'


def test_refused_input_is_noted_without_what_was_sent(audit: Audit) -> None:
    class Clients:
        def create(self, fields: dict[str, Any]) -> None:
            raise InvalidInput({'host': 'must be a host name'})

    class Small:
        clients = Clients()

    door: Any = Door(Small(), audit)
    with acting(actor('admin')), pytest.raises(InvalidInput):
        door.clients.create({'host': 'evil host', 'password': 'hunter2'})
    [entry] = audit.page().items
    assert (entry.outcome, entry.details) == ('failed', 'host, password')
    assert 'evil' not in entry.model_dump_json()
