"""What waits says so: in the history, on a backup's page; and a job's editor says when a job waits."""

from nicegui.testing import User

from plumbus.model import Progress, Status
from tests.support import page_data
from tests.support.page_engine import PageEngine
from tests.support.visitor import until
from tests.ui.conftest import field, rows

REASON = 'homeassistant.local port 22 does not answer. Next try at 03:40, the last one at 06:00.'


def queued(engine: PageEngine, number: int = 501, **fields: object) -> None:
    """Make a backup wait."""
    known = engine.backups.get(number)
    waiting = {'status': Status.QUEUED, 'progress': Progress(phase='queued'), 'start_time': None, **fields}
    engine.backup_list[engine.backup_list.index(known)] = known.model_copy(update=waiting)
    engine.tell('backup', number)


async def test_the_page_tells_the_place_and_follows_it(user: User, engine: PageEngine) -> None:
    queued(engine, queue_position=3, queued_reason='All 3 places are taken.')
    await user.open('/backups/501')
    await user.should_see('All 3 places are taken.')
    await user.should_see('Number 3 in the queue.')
    queued(engine, queue_position=1, queued_reason='All 3 places are taken.')
    await user.should_see('Number 1 in the queue.')
    await user.should_see('Cancel')


async def test_the_page_follows_when_only_others_move(user: User, engine: PageEngine) -> None:
    queued(engine, queue_position=2, queued_reason='Another backup of this client must end first.')
    await user.open('/backups/501')
    await user.should_see('Number 2 in the queue.')
    backup = engine.backups.get(501)
    moved = backup.model_copy(update={'queue_position': 1})
    engine.backup_list[engine.backup_list.index(backup)] = moved
    engine.tell('backup', 502)
    await user.should_see('Number 1 in the queue.')


async def test_a_client_that_is_not_there_is_no_failure(user: User, engine: PageEngine) -> None:
    queued(engine, queued_reason=REASON, next_try=page_data.now())
    await user.open('/backups/501')
    await user.should_see(REASON)
    await user.should_see('Next try:')
    await user.should_not_see('in the queue')


async def test_the_history_tells_why_it_waits(user: User, engine: PageEngine) -> None:
    queued(engine, queued_reason=REASON)
    queued(engine, 502, queue_position=1, queued_reason='The only place is taken.')
    await user.open('/backups')
    told = str(await rows(user, 'Backups'))
    assert REASON in told
    assert 'Number 1 in the queue. The only place is taken.' in told


async def test_the_editor_takes_what_makes_a_job_wait(user: User, engine: PageEngine) -> None:
    await user.open('/jobs/1/edit')
    field(user, 'Quiet hours').value = '22:00-6:00'
    field(user, 'What has begun before').value = 'limit'
    field(user, 'Bandwidth in quiet hours, KiB/s').value = 500
    window = field(user, 'Wait for a client that is off, minutes')
    assert window.value is None
    user.find('Save job').click()
    await until(lambda: engine.jobs.get(1).quiet_hours == '22:00-06:00')
    job = engine.jobs.get(1)
    assert (job.quiet_action, job.quiet_limit_kib, job.retry_window_minutes) == ('limit', 500, None)
    await user.open('/jobs/1')
    await user.should_see('22:00-06:00; what has begun before goes on with less bandwidth')


async def test_the_editor_says_what_is_wrong_with_quiet_hours(user: User, engine: PageEngine) -> None:
    await user.open('/jobs/1/edit')
    field(user, 'Quiet hours').value = 'at night'
    user.find('Save job').click()
    await until(lambda: 'Must be hours like 22:00-06:00' in str(field(user, 'Quiet hours').error))
