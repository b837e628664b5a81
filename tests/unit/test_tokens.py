"""Tokens for programs, on a real store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from plumbus.config import Settings
from plumbus.errors import InvalidInput, NotFound
from plumbus.events import Changed, Event, EventBus
from plumbus.model import Actor, Scope
from plumbus.services.tokens import RECENT, Tokens
from plumbus.store.database import Database

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class Clock:
    now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(folder: Path, clock: Clock, **settings: Any) -> Tokens:
    return Tokens(Database(folder / 'db'), Settings(_env_file=None, data_dir=folder, **settings), clock)


@pytest.fixture
def tokens(tmp_path: Path, clock: Clock) -> Tokens:
    return make(tmp_path, clock)


def test_a_token_says_who_it_is_and_what_it_may(tokens: Tokens) -> None:
    made = tokens.create({'name': 'home automation', 'scope': 'run'})
    assert tokens.actor(made.text, '10.0.0.9') == Actor(
        name='home automation', kind='token', scope=Scope.RUN, address='10.0.0.9'
    )


def test_without_more_it_may_only_read(tokens: Tokens) -> None:
    actor = tokens.actor(tokens.create({'name': 'x'}).text)
    assert actor is not None
    assert actor.scope is Scope.READ


def test_its_text_is_stored_nowhere(tokens: Tokens, tmp_path: Path) -> None:
    text = tokens.create({'name': 'x'}).text
    stored = b''.join(path.read_bytes() for path in (tmp_path / 'db').iterdir())
    assert text.removeprefix('plumbus_').encode() not in stored
    assert 'token_hash' not in tokens.all()[0].model_dump()


@pytest.mark.parametrize('text', ['', 'x', 'plumbus_', 'ä', '\udcff', 'a' * 100_000])
def test_it_knows_no_invented_token(tokens: Tokens, text: str) -> None:
    tokens.create({'name': 'x'})
    assert tokens.actor(text) is None


def test_it_ends_on_its_day(tokens: Tokens, clock: Clock) -> None:
    text = tokens.create({'name': 'x', 'expires_days': 2}).text
    clock.now = START + timedelta(days=2, seconds=-1)
    assert tokens.actor(text)
    clock.now = START + timedelta(days=2)
    assert tokens.actor(text) is None


def test_a_deleted_one_ends_at_once(tokens: Tokens) -> None:
    made = tokens.create({'name': 'x'})
    tokens.delete(made.token.id)
    assert tokens.actor(made.text) is None
    with pytest.raises(NotFound):
        tokens.delete(made.token.id)


def test_it_tells_when_it_was_last_used(tokens: Tokens, clock: Clock) -> None:
    made = tokens.create({'name': 'x'})
    assert tokens.get(made.token.id).used_at is None
    tokens.actor(made.text)
    clock.now = START + timedelta(minutes=1)
    tokens.actor(made.text)
    assert tokens.get(made.token.id).used_at == START, 'not each use is a write to the disk'
    clock.now = START + timedelta(minutes=6)
    tokens.actor(made.text)
    assert tokens.get(made.token.id).used_at == clock.now


def test_only_a_use_that_is_noted_is_told(tmp_path: Path, clock: Clock) -> None:
    told, events = list[Event](), EventBus()
    events.subscribe(told.append)
    tokens = Tokens(Database(tmp_path / 'db'), Settings(_env_file=None, data_dir=tmp_path), clock, events)
    made = tokens.create({'name': 'x'})
    for second in (0, 1, 299, 301, 302):
        clock.now = START + timedelta(seconds=second)
        assert tokens.actor(made.text)
    assert told == 2 * [Changed(noun='token', id=made.token.id, action='updated')]


@pytest.mark.parametrize(
    ('fields', 'wrong'),
    [
        ({}, 'name'),
        ({'name': ''}, 'name'),
        ({'name': 'a\nb'}, 'name'),
        ({'name': 'x' * 201}, 'name'),
        ({'name': 'taken'}, 'name'),
        ({'name': 'x', 'scope': 'root'}, 'scope'),
        ({'name': 'x', 'expires_days': 0}, 'expires_days'),
        ({'name': 'x', 'expires_days': 'soon'}, 'expires_days'),
    ],
)
def test_it_says_what_is_wrong(tokens: Tokens, fields: dict[str, Any], wrong: str) -> None:
    tokens.create({'name': 'taken'})
    with pytest.raises(InvalidInput) as error:
        tokens.create(fields)
    assert list(error.value.fields) == [wrong]


def test_what_another_process_makes_is_valid_at_once(tmp_path: Path, clock: Clock, tokens: Tokens) -> None:
    assert tokens.all() == []
    made = make(tmp_path, clock).create({'name': 'x'})
    assert tokens.actor(made.text)


@pytest.mark.parametrize(
    ('text', 'valid'), [('a-token', True), ('', False), ('a-toke', False), ('a-token ', False), ('ä', False)]
)
def test_the_token_of_the_settings_may_do_everything(
    tmp_path: Path, clock: Clock, text: str, *, valid: bool
) -> None:
    actor = make(tmp_path, clock, api_token='a-token').actor(text)
    assert (actor is not None and actor.scope is Scope.ADMIN) is valid


@pytest.mark.parametrize('token', [None, ''])
def test_without_one_in_the_settings_none_is_valid(tmp_path: Path, clock: Clock, token: str | None) -> None:
    tokens = make(tmp_path, clock, api_token=token)
    assert tokens.actor('') is None
    assert tokens.actor('None') is None


def test_a_token_is_recalled_for_a_moment_without_the_store(tokens: Tokens, clock: Clock) -> None:
    made = tokens.create({'name': 'x'})
    assert tokens.recalled(made.text) is None
    known = tokens.actor(made.text, '10.0.0.9')
    assert known is not None
    assert tokens.recalled(made.text, '10.0.0.9') == known
    clock.now += RECENT
    assert tokens.recalled(made.text) is None


def test_a_deleted_one_is_not_recalled(tokens: Tokens) -> None:
    made = tokens.create({'name': 'x'})
    assert tokens.actor(made.text)
    tokens.delete(made.token.id)
    assert tokens.recalled(made.text) is None


def test_what_another_process_deletes_ends_within_a_moment(
    tmp_path: Path, clock: Clock, tokens: Tokens
) -> None:
    made = tokens.create({'name': 'x'})
    assert tokens.actor(made.text)
    make(tmp_path, clock).delete(made.token.id)
    clock.now += RECENT
    assert tokens.actor(made.text) is None


def test_it_is_not_recalled_after_its_day(tokens: Tokens, clock: Clock) -> None:
    made = tokens.create({'name': 'x', 'expires_days': 1})
    clock.now += timedelta(days=1) - RECENT / 2
    assert tokens.actor(made.text)
    clock.now += RECENT / 2
    assert tokens.recalled(made.text) is None
