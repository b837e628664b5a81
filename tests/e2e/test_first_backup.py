"""The way from an empty PLUMBUS to a finished backup, as a person goes it: by clicking."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.conftest import Look, fits
from tests.support.sshd import Sshd

LIVE_S = 60_000


def test_it_backs_up_a_new_client_from_the_first_click_to_completed(
    visitor: Page, look: Look, sshd: Sshd, sample: Path
) -> None:
    let_in(visitor, sshd)
    add_client(visitor, sshd, f'<i>{look}</i> {{{{7*7}}}}')
    set_up_job(visitor, sshd, sample, f'attic {look}')
    watch_backup(visitor)
    look_inside(visitor, sample)
    read_again(visitor)
    look_at_retention(visitor)
    visitor.goto('/')
    expect(visitor.get_by_role('link', name=f'<i>{look}</i> {{{{7*7}}}}').first).to_be_visible()
    assert fits(visitor)


def let_in(page: Page, sshd: Sshd) -> None:
    sshd.authorize(page.request.get('/api/system/public-key').json()['public_key'])


def add_client(page: Page, sshd: Sshd, name: str) -> None:
    page.goto('/clients/new')
    page.get_by_label('Address', exact=True).fill(sshd.host)
    page.get_by_label('Name', exact=True).fill(name)
    page.get_by_label('Login name').fill(sshd.user)
    page.get_by_label('SSH port').fill(str(sshd.port))
    page.get_by_role('button', name='Test the connection').click()
    expect(page.get_by_text('it works')).to_be_visible(timeout=LIVE_S)
    expect(page.get_by_text('SHA256:').first).to_be_visible()
    assert fits(page)
    page.get_by_role('button', name='Trust and save').click()
    page.get_by_role('button', name='Set up the job').click()
    expect(page.get_by_role('heading', name='What should be backed up?')).to_be_visible()


def set_up_job(page: Page, sshd: Sshd, sample: Path, name: str) -> None:
    expect(page.get_by_role('button', name='Save job')).to_be_in_viewport(ratio=1)
    page.get_by_label('Name of the job').fill(name)
    for ticked in ('/etc', '/home'):  # what the step before suggested
        box = page.get_by_role('checkbox', name=ticked, exact=True)
        if box.get_attribute('aria-checked') == 'true':
            box.click()
    for folder in list(reversed(sample.parents))[1:]:
        open_folder(page, str(folder))
    page.get_by_role('checkbox', name=str(sample), exact=True).click()
    open_folder(page, str(sample))
    page.get_by_role('checkbox', name=f'{sample}/cache', exact=True).click()
    expect(page.get_by_text(f'without {sample}/cache')).to_be_visible()
    page.get_by_role('button', name='Weekly').click()
    expect(page.get_by_text('Monday at 02:00')).to_be_visible()
    page.get_by_text('Advanced').click()
    page.get_by_label('Bandwidth limit').fill('600')  # slow enough to be watched
    assert fits(page)
    page.get_by_role('button', name='Save job').click()
    expect(page.get_by_role('heading', name=name)).to_be_visible()


def open_folder(page: Page, path: str) -> None:
    box = page.get_by_role('checkbox', name=path, exact=True)
    expect(box).to_be_visible()
    row = page.locator('.q-tree__node-header').filter(has=box)
    if not row.locator('.q-tree__arrow--rotate').count():
        row.locator('.q-tree__arrow').click()


def watch_backup(page: Page) -> None:
    page.get_by_role('button', name='Run now').click()
    page.wait_for_url('**/backups/*')
    expect(page.get_by_role('main').get_by_text('running', exact=True)).to_be_visible()
    expect(page.get_by_role('progressbar', name='This backup')).to_be_visible()
    expect(page.get_by_role('button', name='What runs now: 1 running')).to_be_visible()
    expect(page.get_by_role('log')).to_contain_text('scan', ignore_case=True, timeout=LIVE_S)
    assert fits(page)
    page.reload()
    expect(page.get_by_role('log')).to_contain_text('scan', ignore_case=True)
    expect(page.get_by_role('main').get_by_text('completed', exact=True)).to_be_visible(timeout=LIVE_S)
    expect(page.get_by_role('button', name='What runs now: idle')).to_be_visible()


def look_inside(page: Page, sample: Path) -> None:
    for part in sample.parts[1:]:
        page.get_by_role('button', name=part, exact=True).click()
    expect(page.get_by_text('<b>bold {{1+1}}.txt', exact=True)).to_be_visible()
    expect(page.get_by_text('notes.txt', exact=True)).to_be_visible()
    assert page.get_by_role('button', name='cache', exact=True).count() == 0
    assert fits(page)


def read_again(page: Page) -> None:
    page.get_by_role('button', name='Verify').click()
    expect(page.get_by_text('every file is as it was stored')).to_be_visible(timeout=LIVE_S)
    expect(page.get_by_role('main').get_by_text('verified', exact=True).last).to_be_visible()
    page.get_by_label('Note', exact=True).fill('the first one')
    page.get_by_role('button', name='Save note').click()
    expect(page.get_by_role('button', name='Save note')).to_be_hidden()
    page.reload()
    expect(page.get_by_label('Note', exact=True)).to_have_value('the first one')
    assert fits(page)


def look_at_retention(page: Page) -> None:
    page.get_by_role('link', name='Job', exact=True).click()
    page.get_by_role('link', name='Edit').click()
    expect(page.get_by_text('The only snapshot stays.')).to_be_visible()
    page.get_by_text('Which ones').click()
    expect(page.get_by_text('stays: last').first).to_be_visible()
    expect(page.get_by_role('button', name='Save job')).to_be_in_viewport(ratio=1)
    assert fits(page)
