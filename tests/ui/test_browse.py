"""Browse & restore, before a real engine with five real snapshots of a small machine."""

from urllib.parse import parse_qs, urlsplit

import pytest
from nicegui import ui
from nicegui.testing import User

from plumbus.engine import Engine
from tests.support.past import HOSTILE, MANY, Past
from tests.support.visitor import until
from tests.ui.browsing import act, at, bars, by_label, labelled, names, user_click
from tests.ui.conftest import rows


@pytest.fixture
def engine(lived: Past) -> Engine:
    return lived.engine


async def test_it_opens_the_newest_snapshot_where_the_job_begins(visitor: User, lived: Past) -> None:
    await visitor.open('/browse')
    assert names(await rows(visitor, 'Files')) == ['home']
    assert [bar.props['aria-current'] for bar in bars(visitor)] == ['false'] * 4 + ['true']
    assert 'warning' in bars(visitor)[3].props['aria-label']
    assert by_label(visitor, 'Client').value == lived.job.client_id
    assert by_label(visitor, 'Job').value == lived.job.id


async def test_it_goes_back_in_time_and_stays_in_the_folder(visitor: User, lived: Past) -> None:
    await visitor.open(at(lived, path=''))
    assert 'notes.txt' not in names(await rows(visitor, 'Files'))
    for chosen in (3, 2, 1):
        user_click(by_label(visitor, 'Earlier'), 'click', {})
        await until(lambda chosen=chosen: bars(visitor)[chosen].props['aria-current'] == 'true')
    await until(lambda: 'notes.txt' in names(by_label(visitor, 'Files').rows))
    assert bars(visitor)[1].props['aria-current'] == 'true'


async def test_it_says_what_a_snapshot_lacks(visitor: User, lived: Past) -> None:
    await visitor.open(at(lived, snapshot=3))
    await visitor.should_see('This snapshot is not complete.')
    await visitor.should_see('locked.txt')


async def test_it_says_when_there_was_no_such_folder_and_leads_up(visitor: User, lived: Past) -> None:
    await visitor.open(at(lived, path='never/there'))
    await visitor.should_see('There was no such folder then')


async def test_it_keeps_ticks_from_page_to_page_and_folder_to_folder(visitor: User, lived: Past) -> None:
    await visitor.open(at(lived, path='many'))
    assert len(await rows(visitor, 'Files')) == 25
    table = by_label(visitor, 'Files')
    assert table.pagination['rowsNumber'] == MANY
    await act(visitor, 'Files', 'tick', 'file-003.txt')
    user_click(table, 'request', {'pagination': {**table.pagination, 'page': 2}})
    await until(lambda: 'file-026.txt' in names(table.rows))
    await act(visitor, 'Files', 'tick', 'file-026.txt')
    await visitor.should_see('2 files, 29 B')
    user_click(
        table,
        'request',
        {'pagination': {**table.pagination, 'page': 1, 'sortBy': 'size', 'descending': True}},
    )
    await until(lambda: names(table.rows)[0] == f'file-{MANY - 1:03d}.txt')
    visitor.find('pi').click()
    await until(lambda: 'pictures' in names(by_label(visitor, 'Files').rows))
    await act(visitor, 'Files', 'tick', 'pictures')
    await visitor.should_see('2 files, 29 B and 1 folder')
    await act(visitor, 'Files', 'tick', 'many')
    await visitor.should_see('2 folders')
    links = sorted(
        item.props['href'] for item in visitor.find(kind=ui.menu_item).elements if 'href' in item.props
    )
    home = str(lived.machine.home)
    asked = [parse_qs(urlsplit(link).query) for link in links]
    assert [query['format'] for query in asked] == [['tar.gz'], ['tar.zst'], ['zip']]
    assert asked[0]['path'] == [f'{home}/many', f'{home}/pictures']


async def test_it_shows_hostile_names_as_they_are(visitor: User, lived: Past) -> None:
    await visitor.open(at(lived, path='odd'))
    shown = names(await rows(visitor, 'Files'))
    assert set(shown) == {
        HOSTILE, r'new\nline.txt', r'inv\#377\#376alid', r'gpj\u202etxt.exe', r'tab\there', '-rf', r'back\slash'
    }  # fmt: skip
    await act(visitor, 'Files', 'open', r'inv\#377\#376alid')
    await visitor.should_see('1 version')
    await visitor.should_see('odd')


async def test_it_hides_hidden_files_on_request(visitor: User, lived: Past) -> None:
    await visitor.open(at(lived, path='', hidden='no'))
    assert '.homeassistant' not in names(await rows(visitor, 'Files'))


async def test_it_finds_a_deleted_file_and_leads_to_where_it_was(visitor: User, lived: Past) -> None:
    await visitor.open(at(lived, q='NOTES'))
    found = (await rows(visitor, 'Found'))[0]
    assert (found['name']['text'], found['state']['text']) == ('notes.txt', 'gone by now')
    await act(visitor, 'Found', 'open', 'notes.txt')
    await visitor.should_see('smooth out the dinglebop')
    await visitor.should_see('gone by now')
    assert bars(visitor)[1].props['aria-current'] == 'true'
    assert 'notes.txt' in names(await rows(visitor, 'Files'))


@pytest.mark.parametrize(('scope', 'seen'), [('snapshot', False), ('client', True), ('everything', True)])
async def test_it_searches_as_widely_as_one_wants(visitor: User, lived: Past, scope: str, seen: bool) -> None:
    await visitor.open(at(lived, q='notes*', **{'in': scope}))
    if seen:
        assert names(await rows(visitor, 'Found')) == ['notes.txt']
    else:
        await visitor.should_see('Nothing goes by that name')


async def test_it_shows_the_versions_of_a_file_and_what_changed_between_two(
    visitor: User, lived: Past
) -> None:
    await visitor.open(at(lived, path='.homeassistant', file='.homeassistant/automations.yaml'))
    await visitor.should_see('4 versions')
    await visitor.should_see('at: "23:45:00"')
    assert visitor.client
    everything = sorted(visitor.client.elements.values(), key=lambda e: e.id)
    compare = [
        e for e in everything if str(e.props.get('aria-label')).startswith('Compare with the version of')
    ]
    assert len(compare) == 4
    user_click(compare[-1], 'click', {})
    await visitor.should_see('-    at: "22:30:00"')
    await visitor.should_see('+    at: "23:45:00"')
    assert 'mode: single' in str([e.text for e in visitor.find('mode: single').elements])


async def test_it_shows_pictures_and_offers_what_it_cannot_show(visitor: User, lived: Past) -> None:
    await visitor.open(at(lived, path='pictures', file='pictures/heron.png'))
    picture = await labelled(visitor, 'File')
    await until(lambda: any('preview?' in str(e.props.get('src', '')) for e in picture.descendants()))
    await visitor.open(at(lived, path='.homeassistant', file='.homeassistant/home-assistant.db'))
    await visitor.should_see('There is no preview of this kind of file')


async def test_it_compares_two_snapshots_below_a_folder(visitor: User, lived: Past) -> None:
    await visitor.open(at(lived, snapshot=2, against=0, path=''))
    assert names(await rows(visitor, 'Differences')) == ['automations.yaml']
    await visitor.should_see('Added 2')
    await visitor.should_see('Removed 1')
    visitor.find('Added 2').click()
    table = by_label(visitor, 'Differences')
    await until(lambda: sorted(names(table.rows)) == ['garden.png', 'todo.txt'])


async def test_addresses_that_make_no_sense_lead_to_something_that_does(visitor: User) -> None:
    await visitor.open('/browse?job=<b>&snapshot=-1&path=../../etc&in=fleeb&against=x')
    await visitor.should_see('There was no such folder then')
    await visitor.open('/browse?job=99999')
    await visitor.should_see('There is no job')
