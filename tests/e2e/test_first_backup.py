"""The way from an empty PLUMBUS to a finished backup, as a person goes it: by clicking, on a desktop and on a phone."""

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.support.browser import PASSWORD, Look, fits, serious, visiting
from tests.support.served import Served
from tests.support.sshd import Sshd


def test_it_backs_up_a_new_client_from_the_first_start_to_completed(
    browser: Browser, untouched: Served, look: Look, sshd: Sshd, sample: Path
) -> None:
    with visiting(browser, untouched.url, look) as page:
        start(page)
        let_in(page, sshd)
        page.get_by_role('link', name='Add your first client').click()
        add_client(page, sshd, f'<i>{look}</i> {{{{7*7}}}}')
        set_up_job(page, sshd, sample, f'attic {look}')
        watch_backup(page)
        look_inside(page, sample)
        read_again(page)
        look_at_retention(page)
        add_client_by_password(page, sshd)
        page.goto('/')
        expect(page.get_by_role('link', name=f'<i>{look}</i> {{{{7*7}}}}').first).to_be_visible()
        assert fits(page)


def good(page: Page) -> None:
    """It fits, and anyone can use it."""
    assert fits(page)
    assert serious(page) == []


def start(page: Page) -> None:
    page.goto('/')
    expect(page.get_by_role('heading', name='Everyone needs a PLUMBUS')).to_be_visible()
    good(page)
    page.get_by_label('New password').fill('short')
    page.get_by_role('button', name='Set the password').click()
    expect(page.get_by_role('alert')).to_contain_text('at least 8 characters')
    page.get_by_label('New password').fill(PASSWORD)
    page.get_by_role('button', name='Set the password').click()
    expect(page.get_by_role('heading', name='Welcome')).to_be_visible()
    good(page)


def let_in(page: Page, sshd: Sshd) -> None:
    sshd.authorize(page.request.get('/api/system/public-key').json()['public_key'])


def fill_in(page: Page, sshd: Sshd, name: str) -> None:
    page.get_by_label('Address', exact=True).fill(sshd.host)
    page.get_by_label('Name', exact=True).fill(name)
    page.get_by_label('Login name').fill(sshd.user)
    page.get_by_label('SSH port').fill(str(sshd.port))


def trust(page: Page) -> None:
    page.get_by_role('button', name='Test the connection').click()
    expect(page.get_by_text('it works')).to_be_visible()
    expect(page.get_by_text('SHA256:').first).to_be_visible()
    good(page)
    page.get_by_role('button', name='Trust and save').click()
    expect(page.get_by_role('button', name='Set up the job')).to_be_visible()
    good(page)


def add_client(page: Page, sshd: Sshd, name: str) -> None:
    expect(page.get_by_text('PLUMBUS’s own key')).to_be_visible()
    fill_in(page, sshd, name)
    trust(page)
    page.get_by_role('button', name='Set up the job').click()
    expect(page.get_by_role('heading', name='What should be backed up?')).to_be_visible()


def add_client_by_password(page: Page, sshd: Sshd) -> None:
    if not sshd.password:  # only root can give the sample client one
        return
    page.goto('/clients/new')
    fill_in(page, sshd, 'by password')
    page.get_by_role('combobox', name='How to log in').click()
    page.get_by_role('option', name='Password, kept encrypted').click()
    page.get_by_label('Password of that login').fill(sshd.password)
    trust(page)
    page.get_by_role('link', name='Later').click()
    expect(page.get_by_role('heading', name='by password')).to_be_visible()
    assert sshd.password not in page.content()


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
    good(page)
    page.get_by_role('button', name='Save job').click()
    expect(page.get_by_role('heading', name=name)).to_be_visible()


def open_folder(page: Page, path: str) -> None:
    box = page.get_by_role('checkbox', name=path, exact=True)
    expect(box).to_be_visible()
    row = page.get_by_role('treeitem').filter(has=box)
    if row.get_attribute('aria-expanded') == 'false':
        row.click()


def watch_backup(page: Page) -> None:
    page.get_by_role('button', name='Run now').click()
    page.wait_for_url('**/backups/*')
    expect(page.get_by_role('main').get_by_text('running', exact=True)).to_be_visible()
    expect(page.get_by_role('progressbar', name='This backup')).to_be_visible()
    expect(page.get_by_role('button', name='What runs now: 1 running')).to_be_visible()
    expect(page.get_by_role('log')).to_contain_text('scan', ignore_case=True)
    assert fits(page)
    page.reload()
    expect(page.get_by_role('log')).to_contain_text('scan', ignore_case=True)
    expect(page.get_by_role('main').get_by_text('completed', exact=True)).to_be_visible()
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
    expect(page.get_by_text('every file is as it was stored')).to_be_visible()
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
