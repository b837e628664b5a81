"""What one does with a snapshot: verify it, note something about it, say that a shrunk source is right."""

from typing import cast

from nicegui.testing import User

from plumbus.model import Backup, Status
from tests.support.page_engine import PageEngine
from tests.support.visitor import until
from tests.ui.conftest import field, rows


def good_one(engine: PageEngine) -> Backup:
    return cast(Backup, next(one for one in engine.backup_list if one.status == Status.COMPLETED))


async def test_it_verifies_a_snapshot_and_shows_how_far_it_is(user: User, engine: PageEngine) -> None:
    backup = good_one(engine)
    await user.open(f'/backups/{backup.id}')
    await user.should_see('not verified yet')
    await user.should_see('Verify')
    user.find('Verify').click()
    await user.should_see('waiting')
    run = engine.verifications.list[0]
    engine.verifications.move(run, 40)
    await user.should_see('40 %')
    await user.should_see('40 s left')
    await user.should_not_see('Verify')
    engine.verifications.move(run, 80)
    await user.should_see('80 %')
    engine.verifications.end(run, [])
    await user.should_see('every file is as it was stored')
    await user.should_see('Verify')


async def test_it_lists_what_is_damaged_and_what_to_do(user: User, engine: PageEngine) -> None:
    backup = good_one(engine)
    run = engine.verifications.start(backup.id)
    engine.verifications.end(run, ['/etc/fstab has another content.', '/home/pi/x is missing.'], [7, 9])
    await user.open(f'/backups/{backup.id}')
    for words in (
        'damaged',
        '2 things found damaged.',
        '/etc/fstab has another content.',
        'smartctl',
        'backup 9',
    ):
        await user.should_see(words)


async def test_it_stops_a_verification_and_says_so(user: User, engine: PageEngine) -> None:
    backup = good_one(engine)
    run = engine.verifications.start(backup.id)
    engine.verifications.move(run, 12)
    await user.open(f'/backups/{backup.id}')
    await user.should_see('12 %')
    user.find('Stop').click()
    await until(lambda: run.status == Status.CANCELLED)
    await user.should_see('someone stopped it')


async def test_a_verification_of_another_backup_changes_nothing(user: User, engine: PageEngine) -> None:
    backup = good_one(engine)
    other = next(one for one in engine.backup_list if one.status == Status.COMPLETED and one is not backup)
    await user.open(f'/backups/{backup.id}')
    await user.should_see('not verified yet')
    engine.verifications.end(engine.verifications.start(other.id), [])
    await user.should_see('not verified yet')


async def test_it_marks_a_damaged_backup_in_the_history(user: User, engine: PageEngine) -> None:
    newest = next(one for one in reversed(engine.backup_list) if one.status == Status.COMPLETED)
    engine.verifications.end(engine.verifications.start(newest.id), ['/etc/fstab is missing.'])
    await user.open('/backups')
    shown = await rows(user, 'Backups')
    row = next(row for row in shown if row['name']['href'] == f'/backups/{newest.id}')
    assert row['status']['text'] == 'damaged'


async def test_it_keeps_a_note(user: User, engine: PageEngine) -> None:
    backup = good_one(engine)
    await user.open(f'/backups/{backup.id}')
    await user.should_not_see('Save note')
    field(user, 'Note').value = 'before the move'
    await user.should_see('Save note')
    user.find('Save note').click()
    await until(lambda: backup.note == 'before the move')
    await user.should_not_see('Save note')


async def test_what_happens_elsewhere_costs_no_half_written_note(user: User, engine: PageEngine) -> None:
    backup = good_one(engine)
    await user.open(f'/backups/{backup.id}')
    field(user, 'Note').value = 'half a sen'
    backup.pinned = True
    engine.tell('backup', backup.id)
    await user.should_see('Unpin')
    assert field(user, 'Note').value == 'half a sen'


async def test_it_explains_a_shrunk_source_and_takes_the_word_of_who_knows(
    user: User, engine: PageEngine
) -> None:
    backup = good_one(engine)
    backup.status, backup.suspicious = Status.WARNING, True
    backup.error_message = 'The source shrank from 900 files (2.0 GB) to 3 (1.0 kB).'
    await user.open(f'/backups/{backup.id}')
    await user.should_see('shrank from 900 files')
    await user.should_see('the older ones stay')
    user.find('It is right so').click()
    await until(lambda: not backup.suspicious)
    await user.should_not_see('It is right so')


async def test_it_says_how_owners_are_kept_where_that_is_not_plain(user: User, engine: PageEngine) -> None:
    backup = good_one(engine)
    for owners, words in (('fake-super', 'in extended attributes'), ('none', 'are not kept')):
        backup.owners = owners  # type: ignore[assignment]
        await user.open(f'/backups/{backup.id}')
        await user.should_see(words)
    backup.owners = 'real'
    await user.open(f'/backups/{backup.id}')
    await user.should_not_see('extended attributes')


async def test_it_says_that_a_snapshot_was_removed(user: User, engine: PageEngine) -> None:
    backup = good_one(engine)
    backup.removed_at, backup.backup_path, backup.freed_bytes = backup.end_time, None, 700_000_000
    await user.open(f'/backups/{backup.id}')
    await user.should_see('Its snapshot was removed')
    await user.should_see(', which freed 700.0 MB.')
    await user.should_not_see('Verify')
    await user.should_not_see('Pin')
    await user.should_not_see('Files of this snapshot')
