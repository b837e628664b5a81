"""The job editor: files by ticking, schedule, retention; and a job's own page."""

from nicegui import ui
from nicegui.testing import User

from plumbus.model import Retention
from tests.support import page_data
from tests.support.page_engine import PageEngine
from tests.support.visitor import until
from tests.ui.conftest import field


async def tree_of(user: User) -> ui.tree:
    def trees() -> list[ui.tree]:
        assert user.client
        return [
            element
            for element in user.client.elements.values()
            if isinstance(element, ui.tree) and element.props['nodes']
        ]

    await until(lambda: bool(trees()))
    return trees()[0]


def ticks(tree: ui.tree) -> dict[str, str]:
    return {node['id']: node['tick'] for node in tree.nodes()}


async def test_it_makes_a_job_from_what_was_ticked(user: User, engine: PageEngine) -> None:
    await user.open('/jobs/new?client=3')
    tree = await tree_of(user)
    user.find(kind=ui.tree).trigger('update:expanded', ['/home'])
    await until(lambda: '/home/pi' in ticks(tree))
    user.find(kind=ui.tree).trigger('update:expanded', ['/home', '/home/pi'])
    await until(lambda: '/home/pi/.cache' in ticks(tree))
    user.find(kind=ui.tree).trigger('toggle', '/home/pi')
    user.find(kind=ui.tree).trigger('toggle', '/home/pi/.cache')
    assert ticks(tree)['/home'] == 'part'
    await user.should_see('without /home/pi/.cache')
    field(user, 'Name of the job').value = 'all of pi'
    user.find('Save job').click()
    await until(lambda: engine.job_list[-1].name == 'all of pi')
    made = engine.job_list[-1]
    assert (made.source_paths, made.excludes, made.schedule) == (
        ['/home/pi'],
        ['/home/pi/.cache'],
        '0 2 * * *',
    )
    assert made.retention == Retention(
        keep_last=3, keep_daily=7, keep_weekly=5, keep_monthly=12, keep_yearly=2
    )


async def test_it_shows_names_that_look_like_code_as_they_are(user: User) -> None:
    await user.open('/jobs/new?client=3&path=/home/pi/media')
    tree = await tree_of(user)
    await until(lambda: f'/home/pi/{page_data.HOSTILE}' in ticks(tree))
    assert ticks(tree)['/home/pi/media'] == 'on'


async def test_it_says_in_the_tree_what_cannot_be_read(user: User) -> None:
    await user.open('/jobs/new?client=3')
    tree = await tree_of(user)
    user.find(kind=ui.tree).trigger('update:expanded', ['/root'])
    await until(lambda: any('use sudo' in node['label'] for node in tree.nodes()))


async def test_it_wants_something_ticked(user: User, engine: PageEngine) -> None:
    before = len(engine.job_list)
    await user.open('/jobs/new?client=3')
    await tree_of(user)
    user.find('Save job').click()
    await user.should_see('tick at least one folder')
    assert len(engine.job_list) == before


async def test_it_takes_a_path_by_hand(user: User) -> None:
    await user.open('/jobs/new?client=3')
    typed = field(user, 'Add a path by hand')
    typed.value = 'relative'
    user.find(kind=ui.button, content='Add').click()
    await until(lambda: bool(typed.error))
    typed.value = '/srv//data/'
    user.find(kind=ui.button, content='Add').click()
    await user.should_see('/srv/data')


async def test_it_tells_the_schedule_while_one_chooses(user: User) -> None:
    await user.open('/jobs/new?client=3')
    await user.should_see('Every day at 02:00')
    user.find('Weekly').click()
    await user.should_see('Every Monday at 02:00')
    user.find('Fr').click()
    await user.should_see('Every Monday and Friday at 02:00')
    field(user, 'Time of day').value = '23:45'
    await user.should_see('Every Monday and Friday at 23:45')
    user.find('Custom').click()
    field(user, 'Cron expression').value = 'fleeb'
    await user.should_see('Must have five fields')
    user.find('Manual').click()
    await user.should_see('Runs only when you press')


async def test_it_keeps_presets_and_numbers_of_the_retention_in_step(user: User) -> None:
    await user.open('/jobs/new?client=3')
    user.find('Lean').click()
    await user.should_see('Keeps the last 2, one a day for 7 days.')
    field(user, 'Daily').value = 30
    await user.should_see('one a day for 30 days')
    user.find('Everything').click()
    await user.should_see('Keeps every snapshot for ever.')


async def test_it_opens_a_job_as_it_was_saved(user: User, engine: PageEngine) -> None:
    await user.open('/jobs/2/edit')
    assert field(user, 'Name of the job').value == 'config + media'
    assert field(user, 'Patterns').value == '*.tmp'
    await user.should_see('without /home/pi/.cache')
    field(user, 'Retries').value = 5
    user.find('Save job').click()
    await until(lambda: engine.jobs.get(2).retries == 5)
    assert engine.jobs.get(2).excludes == ['*.tmp', '/home/pi/.cache']
    assert engine.jobs.get(2).schedule == '30 2 * * 1,3,5'


async def test_it_survives_an_address_that_makes_no_sense(user: User) -> None:
    await user.open('/jobs/new?client=abc&path=relative&path=/etc')
    await user.should_see('Choose a client first')


async def test_it_pauses_a_job_and_turns_it_on_again(user: User, engine: PageEngine) -> None:
    await user.open('/jobs/1')
    user.find('Pause').click()
    await until(lambda: not engine.jobs.get(1).enabled)
    engine.tell('job', 1)
    await user.should_see('Turn on')


async def test_it_says_when_the_job_runs_already(user: User, engine: PageEngine) -> None:
    await user.open('/jobs/1')
    engine.jobs.run(1)
    user.find('Run now').click()
    await user.should_see('is already running')


async def test_it_tells_what_another_retention_would_remove(user: User) -> None:
    await user.open('/jobs/2/edit')
    await user.should_see('stay and')
    user.find('Everything').click()
    await user.should_see('snapshots stay.')
    field(user, 'Last').value = 1
    await user.should_see(', 1 stays and')
    await user.should_see('stays: last')


async def test_a_new_job_has_nothing_to_remove(user: User) -> None:
    await user.open('/jobs/new?client=3')
    await user.should_see('At most')
    await user.should_not_see('Which ones')


async def test_it_lets_choose_how_much_a_source_may_shrink(user: User, engine: PageEngine) -> None:
    await user.open('/jobs/2/edit')
    shrink = field(user, 'Warn when the source shrank by more than … percent')
    assert shrink.value == 50
    shrink.value = 0
    user.find('Save job').click()
    await until(lambda: engine.jobs.get(2).shrink_warning_percent == 0)
