"""The everyday care: what failed says why, what runs can be cancelled, a schedule paused, a retention tried out, and no question hides
what is lost."""

from playwright.sync_api import Locator, Page, expect

from tests.support.browser import Look, fits, serious_in_front, settled
from tests.support.story import Story


def test_a_failed_backup_says_why_and_what_to_do(visitor: Page) -> None:
    settled(visitor, '/')
    attention = visitor.get_by_role('region', name='Needs attention')
    expect(attention).to_contain_text('nothing listens on its port')
    attention.get_by_role('link', name='garden-pi · nightly dump').click()
    visitor.wait_for_url('**/backups/*')
    failed = visitor.url
    told = visitor.get_by_role('status').filter(has_text='What went wrong')
    expect(told).to_contain_text('is there, but nothing listens on its port')
    expect(told).to_contain_text('Start the SSH server over there')
    assert fits(visitor)
    visitor.get_by_role('button', name='Run again').click()
    visitor.wait_for_url(lambda address: address != failed)
    expect(told).to_be_visible()
    told.get_by_role('link', name='Test the connection').click()
    visitor.wait_for_url('**/clients/*')
    visitor.get_by_role('button', name='Test', exact=True).click()
    expect(visitor.get_by_role('main').get_by_text('nothing listens on its port').first).to_be_visible()
    assert fits(visitor)


def test_a_running_backup_is_cancelled(visitor: Page, story: Story, look: Look) -> None:
    settled(visitor, f'/backups/{story.begin_slow(3, f"stopped on a {look}")}')
    expect(status(visitor, 'running')).to_be_visible()
    visitor.get_by_role('button', name='Cancel', exact=True).click()
    dialog = visitor.get_by_role('dialog', name='Cancel this backup?')
    expect(dialog).to_contain_text('leaves no snapshot')
    assert serious_in_front(visitor) == []
    dialog.get_by_role('button', name='Let it run').click()
    expect(dialog).to_have_count(0)
    visitor.get_by_role('button', name='Cancel', exact=True).click()
    dialog.get_by_role('button', name='Cancel the backup').click()
    expect(status(visitor, 'cancelled')).to_be_visible()
    expect(visitor.get_by_role('status').filter(has_text='No snapshot')).to_be_visible()
    expect(visitor.get_by_role('button', name='Cancel', exact=True)).to_have_count(0)
    assert fits(visitor)


def test_a_schedule_is_paused_and_goes_on(visitor: Page, story: Story) -> None:
    settled(visitor, f'/jobs/{story.jobs[1]}')
    facts = visitor.get_by_role('region', name='What and when')
    expect(facts).to_contain_text('Next run')
    visitor.get_by_role('button', name='Pause').click()
    expect(status(visitor, 'paused')).to_be_visible()
    expect(facts).not_to_contain_text('Next run')
    settled(visitor, '/jobs')
    expect(visitor.get_by_role('row').filter(has_text='photos')).to_contain_text('paused')
    settled(visitor, f'/jobs/{story.jobs[1]}')
    visitor.get_by_role('button', name='Turn on').click()
    expect(status(visitor, 'completed').first).to_be_visible()
    expect(facts).to_contain_text('Next run')
    assert fits(visitor)


def test_a_retention_is_tried_out_before_it_is_saved(visitor: Page, story: Story) -> None:
    settled(visitor, f'/jobs/{story.jobs[0]}/edit')
    expect(visitor.get_by_text('All 2 snapshots stay.')).to_be_visible()
    for label, number in (('Last', '1'), ('Daily', '0'), ('Weekly', '0')):
        visitor.get_by_label(label, exact=True).fill(number)
    expect(visitor.get_by_text('Of 2 snapshots, 1 stays and 1 goes')).to_be_visible()
    visitor.get_by_text('Which ones').click()
    which = visitor.get_by_role('list', name='Snapshots')
    expect(which.get_by_text('goes', exact=True)).to_have_count(1)
    expect(which.get_by_text('stays: last')).to_have_count(1)
    assert fits(visitor)
    visitor.get_by_role('link', name='Cancel').click()
    expect(visitor.get_by_role('region', name='What and when')).to_contain_text('last 10')


def test_a_question_names_what_is_lost(visitor: Page, story: Story) -> None:
    for address, losses in (
        ('/clients/1', ['The client', 'job']),
        (
            f'/jobs/{story.jobs[0]}',
            ['The job', '2 records of its backups', 'Delete its snapshots on disk too'],
        ),
        (f'/backups/{story.backups[0]}', ['Its snapshot: 4 files', 'frees about']),
    ):
        settled(visitor, address)
        visitor.get_by_role('button', name='Delete', exact=True).click()
        dialog = visitor.get_by_role('dialog')
        expect(dialog.get_by_role('button', name='Keep it')).to_be_focused()
        for loss in losses:
            expect(dialog).to_contain_text(loss)
        assert fits(visitor)
        assert serious_in_front(visitor) == []
        visitor.keyboard.press('Escape')
        expect(dialog).to_have_count(0)


def status(page: Page, word: str) -> Locator:
    return page.get_by_role('main').get_by_text(word, exact=True)
