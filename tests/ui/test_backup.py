"""A backup's page: live while it runs, afterwards what came of it."""

from nicegui import ui
from nicegui.testing import User

from plumbus.events import Logged
from plumbus.model import Status
from tests.support import page_data
from tests.support.page_engine import PageEngine
from tests.support.visitor import until
from tests.ui.conftest import log_of, rows


async def test_it_shows_progress_as_it_comes(user: User, engine: PageEngine) -> None:
    await user.open('/backups/501')
    for words in (
        '64 %',
        '1.9 GB of 3.0 GB',
        '412 of 655 files',
        '41.0 MB/s',
        '26 s left',
        'VID_20261122_101512.mp4',
    ):
        await user.should_see(words)
    engine.move(engine.backups.get(501), 83)
    await user.should_see('83 %')


async def test_it_shows_the_log_so_far_and_every_new_line(user: User, engine: PageEngine) -> None:
    await user.open('/backups/501')
    await until(lambda: len(log_of(user)) == 3)
    assert page_data.HOSTILE in log_of(user)[2]
    engine.events.publish(Logged(kind='backup', run_id=501, lines=('02:00:03 one', '02:00:03 two')))
    engine.events.publish(Logged(kind='backup', run_id=502, lines=('of another backup',)))
    await until(lambda: log_of(user)[3:] == ['02:00:03 one', '02:00:03 two'])


async def test_it_is_not_drowned_by_a_flood_of_lines(user: User, engine: PageEngine) -> None:
    await user.open('/backups/501')
    await until(lambda: len(log_of(user)) == 3)
    engine.events.publish(
        Logged(kind='backup', run_id=501, lines=tuple(f'line {number}' for number in range(10_000)))
    )
    await until(lambda: log_of(user)[-1] == 'line 9999')
    assert '9,900 lines more' in log_of(user)[3]
    await user.should_see('10,003 lines')


async def test_it_turns_into_a_summary_when_the_backup_ends(user: User, engine: PageEngine) -> None:
    await user.open('/backups/501')
    await user.should_see('64 %')
    engine.finish(engine.backups.get(501))
    await user.should_see('1 min 12 s')
    await user.should_see('98.0 GB')
    await user.should_not_see('26 s left')


async def test_it_cancels_only_after_asking(user: User, engine: PageEngine) -> None:
    await user.open('/backups/501')
    user.find('Cancel').click()
    await user.should_see('Cancel this backup?')
    assert engine.backups.get(501).status == Status.RUNNING
    user.find('Cancel the backup').click()
    await until(lambda: engine.backups.get(501).status == Status.CANCELLED)
    await user.should_see('cancelled')


async def test_it_tells_why_a_backup_failed_and_what_to_do(user: User, engine: PageEngine) -> None:
    failed = next(backup for backup in engine.backup_list if backup.status == Status.FAILED)
    await user.open(f'/backups/{failed.id}')
    await user.should_see(page_data.NO_ANSWER)
    await user.should_see(page_data.NO_ANSWER_REMEDY)


async def test_it_lists_what_could_not_be_read(user: User, engine: PageEngine) -> None:
    warned = next(backup for backup in engine.backup_list if backup.status == Status.WARNING)
    await user.open(f'/backups/{warned.id}')
    for warning in warned.warnings:
        await user.should_see(warning)


async def test_it_browses_the_snapshot(user: User, engine: PageEngine) -> None:
    good = next(backup for backup in engine.backup_list if backup.status == Status.COMPLETED)
    await user.open(f'/backups/{good.id}')
    shown = await rows(user, 'Files')
    home = next(row for row in shown if row['name']['text'] == 'home')
    table = next(iter(user.find(kind=ui.table).elements))
    user.find(kind=ui.table).trigger('act', {'act': 'open', 'id': home['id']})
    await until(lambda: [row['name']['text'] for row in table.rows] == ['ada', 'pi'])


async def test_it_pins_a_snapshot(user: User, engine: PageEngine) -> None:
    good = next(backup for backup in engine.backup_list if backup.status == Status.COMPLETED)
    await user.open(f'/backups/{good.id}')
    user.find('Pin').click()
    await until(lambda: good.pinned)
    await user.should_see('Unpin')


async def test_it_names_what_is_lost_before_it_deletes(user: User, engine: PageEngine) -> None:
    good = next(backup for backup in engine.backup_list if backup.status == Status.COMPLETED)
    await user.open(f'/backups/{good.id}')
    user.find('Delete').click()
    await user.should_see(f'Delete backup {good.id}')
    await user.should_see(f'{good.file_count:,} files')
    user.find('Keep it').click()
    assert engine.backups.get(good.id) is good
