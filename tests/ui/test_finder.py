"""The search of the header: what it finds, in which order, and where it leads."""

from nicegui import ui
from nicegui.testing import User

from pages.finding import MOST_FILES, in_snapshots, named
from pages.running import page_title
from plumbus.model import Progress
from tests.support.page_engine import PageEngine


async def _searched(user: User, words: str) -> None:
    user.find(marker='search').click()
    await user.should_see('Every file in every snapshot')
    next(iter(user.find(kind=ui.input, marker='search-field').elements)).set_value(words)


async def test_it_finds_clients_jobs_and_files_in_groups(user: User) -> None:
    await user.open('/settings')
    await _searched(user, 'home')
    for words in ('Clients', 'Jobs', 'Files', 'homeassistant', '.homeassistant'):
        await user.should_see(words)


async def test_enter_opens_what_the_arrows_chose(user: User, engine: PageEngine) -> None:
    await user.open('/settings')
    await _searched(user, 'pi')
    await user.should_see('garden-pi')
    box = user.find(kind=ui.input, marker='search-field')
    box.trigger('keydown.down.prevent').trigger('keydown.enter.prevent')
    second = [client for client in engine.clients.all() if 'pi' in client.name][1]
    await user.should_see(second.host)


async def test_it_says_so_when_nothing_goes_by_that_name(user: User) -> None:
    await user.open('/settings')
    await _searched(user, 'interdimensional cable')
    await user.should_see('Nothing goes by that name')


def test_it_looks_at_names_addresses_and_paths(engine: PageEngine) -> None:
    clients, jobs = engine.clients.all(), engine.jobs.all()
    assert named(clients[1].host, clients, jobs)[0][1][0].target == f'/clients/{clients[1].id}'
    assert [title for title, _ in named(jobs[0].source_paths[0].upper(), clients, jobs)] == ['Jobs']
    assert named('interdimensional cable', clients, jobs) == []


def test_a_file_leads_to_its_folder_in_the_snapshot_that_has_it_last(engine: PageEngine) -> None:
    ((title, hits),) = in_snapshots(engine, 'notes')  # type: ignore[arg-type]
    assert title == 'Files'
    assert (
        hits[0].target
        == '/browse?client=1&job=1&snapshot=480&path=%2Fhome%2Fpi&file=%2Fhome%2Fpi%2Fnotes.txt'
    )
    assert 'gone by now' in hits[1].note


def test_more_than_fit_are_a_search_of_their_own(engine: PageEngine) -> None:
    ((_, hits),) = in_snapshots(engine, 'IMG_')  # type: ignore[arg-type]
    assert len(hits) == MOST_FILES + 1
    assert hits[-1].target == '/browse?q=IMG_&in=everything'


def test_the_title_tells_how_far_what_runs_is() -> None:
    assert page_title('Jobs', []) == 'Jobs · PLUMBUS'
    assert page_title('Jobs', [None]) == '▶ … · Jobs · PLUMBUS'
    assert page_title('Jobs', [41.6]) == '▶ 42 % · Jobs · PLUMBUS'
    assert page_title('Jobs', [20, None, 40]) == '▶ 30 % · Jobs · PLUMBUS'


async def test_one_file_alone_is_named_and_not_counted(user: User) -> None:
    from pages.widgets.progress import ProgressPanel

    await user.open('/settings')
    film = Progress(
        phase='fetching', percent=11, bytes=300, bytes_total=2700, files_total=1, current_file='/srv/film.mov'
    )
    assert user.client
    with user.client:
        panel = ProgressPanel(film)
        await user.should_see('Fetching what is new · 300 B of 2.7 kB')
        await user.should_see('/srv/film.mov')
        await user.should_not_see('of 1 file')
        panel.show(film.model_copy(update={'files_total': 3}))
        await user.should_see('0 of 3 files')
