"""The dashboard: one sentence, what runs, what needs attention."""

from nicegui import ui
from nicegui.testing import User

from tests.support import page_data
from tests.support.page_engine import PageEngine
from tests.support.visitor import until
from tests.ui.conftest import rows


async def test_it_says_first_whether_everything_is_safe(user: User) -> None:
    await user.open('/')
    await user.should_see('10 of 12 clients are protected')
    await user.should_see(page_data.NO_ANSWER)
    await user.should_see('94.8 %')
    await user.should_see('1.8 TB')


async def test_it_is_content_when_all_is_well(user: User, engine: PageEngine) -> None:
    engine.client_list[:] = [
        client for client in engine.client_list if client.name not in {'garden-pi', page_data.HOSTILE}
    ]
    engine.job_list[:] = [job for job in engine.job_list if job.client_name != 'garden-pi']
    await user.open('/')
    await user.should_see('All 10 clients are protected')


async def test_it_shows_each_day_of_each_client_with_a_link(user: User) -> None:
    await user.open('/')
    shown = await rows(user, 'Backups of the last 30 days')
    assert len(shown) == 12
    garden = next(row for row in shown if row['client'] == 'garden-pi')
    cells = [garden[f'd{index}'] for index in range(30)]
    assert any(
        cell['tone'] == 'fa' and cell['href'].startswith('/backups/') and 'failed' in cell['label']
        for cell in cells
    )


async def test_it_moves_the_bars_without_asking_the_store(user: User, engine: PageEngine) -> None:
    await user.open('/')
    await user.should_see('64 %')
    asked = list[str]()
    original = engine.backups.page
    engine.backups.page = lambda **given: asked.append('page') or original(**given)  # type: ignore[method-assign, func-returns-value]
    engine.move(engine.backups.get(501), 71)
    await user.should_see('71 %')
    assert asked == []


async def test_it_draws_anew_when_a_backup_ends(user: User, engine: PageEngine) -> None:
    await user.open('/')
    await user.should_see('64 %')
    engine.finish(engine.backups.get(501))
    engine.finish(engine.backups.get(502))
    await user.should_see('Nothing runs')


async def test_it_shows_hostile_names_as_they_are(user: User) -> None:
    client = await user.open('/')
    await user.should_see(page_data.HOSTILE)
    await until(
        lambda: any(
            isinstance(element, ui.link) and element.text == page_data.HOSTILE
            for element in client.elements.values()
        )
    )
    assert not [element for element in client.elements.values() if isinstance(element, ui.html)]
