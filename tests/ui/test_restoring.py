"""The dialog of a restore and the pages of restores, before a real engine and a real client."""

import shutil

import pytest
from nicegui import ui
from nicegui.testing import User

from plumbus.engine import Engine
from plumbus.events import Logged, Progressed
from plumbus.model import Progress, Restore, Status
from tests.support.past import Past
from tests.support.visitor import until
from tests.ui.browsing import act, at, by_label, user_click
from tests.ui.conftest import field, rows


@pytest.fixture
def engine(lived: Past) -> Engine:
    return lived.engine


def press(user: User, words: str) -> None:
    """Click the visible button that says so."""
    assert user.client
    found = [
        e for e in user.client.elements.values() if isinstance(e, ui.button) and e.text == words and e.visible
    ]
    assert found, words
    user_click(found[-1], 'click', {})


async def ask_what_changes(user: User, lived: Past, name: str, **query: object) -> None:
    await user.open(at(lived, **query))
    await act(user, 'Files', 'tick', name)
    press(user, 'Restore …')
    await user.should_see('Where to')


async def test_it_restores_to_another_folder_after_showing_what_that_creates(
    visitor: User, lived: Past
) -> None:
    target = lived.machine.home / 'back'
    await ask_what_changes(visitor, lived, '.homeassistant', snapshot=0, path='')
    press(visitor, 'Another folder')
    field(visitor, 'Folder').value = str(target)
    press(visitor, 'Show what it changes')
    await visitor.should_see('What it changes')
    shown = await rows(visitor, 'Changes')
    assert any('automations.yaml' in row['name']['text'] for row in shown)
    press(visitor, 'Continue')
    await visitor.should_see(f'Restore to {target} on homeassistant?')
    create = next(
        b for b in visitor.find(kind=ui.button).elements if b.text.startswith('Create ') and b.visible
    )  # nothing lies there, so nothing is overwritten
    user_click(create, 'click', {})
    await until((target / '.homeassistant' / 'automations.yaml').exists)
    assert '22:30:00' in (target / '.homeassistant' / 'automations.yaml').read_text()
    restores = lived.engine.restores
    await until(lambda: all(one.status.finished for one in restores.page().items))
    shutil.rmtree(target)


async def test_it_names_the_loss_before_it_overwrites_without_a_safety_copy(
    visitor: User, lived: Past
) -> None:
    await ask_what_changes(visitor, lived, '.homeassistant', snapshot=0, path='')
    switch = next(s for s in visitor.find(kind=ui.switch).elements if s.text.startswith('Keep a safety copy'))
    assert switch.value, 'a safety copy is the default'
    switch.value = False
    press(visitor, 'Show what it changes')
    await visitor.should_see('is lost')
    press(visitor, 'Continue')
    press(visitor, 'Overwrite 1')
    text = lived.machine.config / 'automations.yaml'
    await until(lambda: '22:30:00' in text.read_text())


async def test_it_says_what_a_snapshot_lacks_before_it_is_restored(visitor: User, lived: Past) -> None:
    await ask_what_changes(visitor, lived, 'pictures', snapshot=3, path='')
    assert len(visitor.find('This snapshot is not complete.').elements) == 2  # on the page, and in the dialog


async def test_it_objects_to_a_folder_that_is_none(visitor: User, lived: Past) -> None:
    await ask_what_changes(visitor, lived, 'pictures', path='')
    press(visitor, 'Another folder')
    field(visitor, 'Folder').value = 'not/absolute'
    press(visitor, 'Show what it changes')
    await until(lambda: bool(field(visitor, 'Folder').error))


@pytest.fixture
def under_way(lived: Past) -> Restore:
    """The record of a restore that runs, as far as anybody can tell."""
    return lived.engine.restores.records.add(
        Restore(
            backup_id=lived.backups[0].id,
            job_id=lived.job.id,
            client_id=lived.job.client_id,
            client_name='homeassistant',
            paths=['/srv/a\nb'],
            status=Status.RUNNING,
            start_time=lived.clock(),
        )
    )


async def test_a_restore_is_seen_live_and_then_with_its_result(
    visitor: User, lived: Past, under_way: Restore
) -> None:
    engine, number = lived.engine, under_way.id
    await visitor.open(f'/restores/{number}')
    await visitor.should_see('Cancel')
    progress = Progress(phase='restoring', percent=42, bytes=42, bytes_total=100)
    engine.events.publish(Progressed(kind='restore', run_id=number, progress=progress))
    engine.events.publish(Logged(kind='restore', run_id=number, lines=('<f+++++++++ srv/a',)))
    await visitor.should_see('42 %')
    await visitor.should_see('<f+++++++++ srv/a')
    engine.restores.settle(number, status=Status.FAILED, error_message='No room on it. Free some.')
    await visitor.should_see('No room on it. Free some.')
    await visitor.should_see(r'/srv/a\nb')
    await visitor.should_not_see('Cancel')


async def test_restores_are_listed_and_previews_only_on_request(
    visitor: User, lived: Past, under_way: Restore
) -> None:
    lived.engine.restores.settle(under_way.id, status=Status.CANCELLED)
    preview = lived.engine.restores.records.add(under_way.model_copy(update={'id': 0, 'dry_run': True}))
    lived.engine.restores.settle(preview.id, status=Status.COMPLETED)
    await visitor.open('/restores')
    shown = [row['name']['text'] for row in await rows(visitor, 'Restores')]
    assert f'Restore {under_way.id}' in shown
    assert f'Preview {preview.id}' not in shown
    next(iter(visitor.find(kind=ui.switch).elements)).value = True
    table = by_label(visitor, 'Restores')
    await until(lambda: f'Preview {preview.id}' in [row['name']['text'] for row in table.rows])


@pytest.mark.parametrize('wrong', ['99999', 'x', '-1'])
async def test_a_restore_that_is_none_is_not_there(visitor: User, wrong: str) -> None:
    answer = await visitor.http_client.get(f'/restores/{wrong}')
    assert answer.status_code == 404
    assert 'Go back to the list' in answer.text
