"""How long a client that is not there is waited for."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from plumbus.backup.patience import LONGEST_PAUSE, Patience, clock_time, pause
from plumbus.errors import ClientError, TransferFailed
from plumbus.model import Backup, Job, Status, Trigger

NIGHT = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
BERLIN = ZoneInfo('Europe/Berlin')
PATIENCE = Patience(window_minutes=60, zone=BERLIN)


def job(**fields: Any) -> Job:
    return Job(**{'client_id': 1, 'name': 'home', 'source_paths': ['/home'], **fields})


def backup(**fields: Any) -> Backup:
    return Backup(**{'client_id': 1, 'job_id': 1, 'trigger': Trigger.SCHEDULE, **fields})


def refused(cause: str = 'refused') -> ClientError:
    return ClientError('The machine is not there.', 'Switch it on.', cause)


def test_it_waits_and_says_until_when() -> None:
    assert PATIENCE.postponed(refused(), backup(), job(), NIGHT) == {
        'status': Status.QUEUED,
        'start_time': None,
        'tries': 1,
        'next_try': NIGHT + timedelta(minutes=1),
        'try_until': NIGHT + timedelta(minutes=60),
        'queued_reason': 'The machine is not there. Next try at 02:31, the last one at 03:30.',
    }
    later = PATIENCE.postponed(refused(), backup(), job(timezone='America/New_York'), NIGHT)
    assert later
    assert later['queued_reason'].endswith('Next try at 20:31, the last one at 21:30.')


def test_the_last_try_is_at_the_end_of_the_window_and_then_it_fails() -> None:
    now, run, moments = NIGHT, backup(), []
    while later := PATIENCE.postponed(refused(), run, job(), now):
        run = run.model_copy(update=later)
        now = later['next_try']
        moments.append(int((now - NIGHT) / timedelta(minutes=1)))
        now += timedelta(seconds=20)  # so long each try takes
    assert moments == [1, 3, 7, 16, 32, 60]
    assert run.tries == 6


@pytest.mark.parametrize('cause', ['dns', 'refused', 'timeout', 'network_unreachable', 'unreachable'])
def test_a_machine_that_is_off_looks_like_this(cause: str) -> None:
    assert PATIENCE.postponed(refused(cause), backup(), job(), NIGHT)
    assert PATIENCE.postponed(TransferFailed('It is off.', '', cause), backup(), job(), NIGHT)


@pytest.mark.parametrize(
    'cause', ['auth', 'host_key_changed', 'no_room', 'rsync_missing', 'connection_lost', 'unknown']
)
def test_what_waiting_does_not_mend_fails_at_once(cause: str) -> None:
    assert PATIENCE.postponed(refused(cause), backup(), job(), NIGHT) is None


@pytest.mark.parametrize(
    ('trigger', 'waits'),
    [('schedule', True), ('catch-up', True), ('retry', True), ('manual', False), ('api', False)],
)
def test_a_person_hears_at_once(trigger: str, waits: bool) -> None:
    assert bool(PATIENCE.postponed(refused(), backup(trigger=trigger), job(), NIGHT)) is waits


def test_a_job_may_have_its_own_window_or_none() -> None:
    own = PATIENCE.postponed(refused(), backup(), job(retry_window_minutes=5), NIGHT)
    assert own
    assert own['try_until'] == NIGHT + timedelta(minutes=5)
    assert PATIENCE.postponed(refused(), backup(), job(retry_window_minutes=0), NIGHT) is None
    none = Patience(window_minutes=0, zone=BERLIN)
    assert none.postponed(refused(), backup(), job(), NIGHT) is None
    assert none.postponed(refused(), backup(), job(retry_window_minutes=5), NIGHT)


def test_a_clock_that_is_set_back_makes_the_window_no_longer() -> None:
    run = backup(tries=3, try_until=NIGHT + timedelta(days=400))
    later = PATIENCE.postponed(refused(), run, job(), NIGHT)
    assert later
    assert later['try_until'] == NIGHT + timedelta(hours=1)


def test_pauses_grow_up_to_half_an_hour() -> None:
    seconds = [pause(tries, 60).total_seconds() for tries in range(7)]
    assert seconds == [60, 120, 240, 480, 960, 1800, 1800]
    assert pause(10**6, 0) == pause(0, 86_400) == LONGEST_PAUSE
    assert pause(0, 0) == timedelta(seconds=1)


def test_a_time_of_another_day_tells_the_day() -> None:
    assert clock_time(NIGHT, NIGHT, BERLIN) == '02:30'
    assert clock_time(NIGHT + timedelta(days=1), NIGHT, BERLIN) == 'Tue 02:30'
