"""Which pages are taken, with what on them."""

from urllib.parse import urlencode

from playwright.sync_api import Page

from scripts.screenshots.camera import Picture
from scripts.screenshots.present import Present

CONFIGURATION = '/home/pi/homeassistant'
PHOTOS = '/srv/photos/2025/Summer at the lake'
OPENING_MS = 500


def pictures(now: Present) -> list[Picture]:
    """Given the sample as it is now, return all that is to be taken."""
    return [*_everyday(now), *_backups(now), *_browsing(now), *_administration(now)]


def _everyday(now: Present) -> list[Picture]:
    client, job = now.client('homeassistant'), now.job('homeassistant', 'Configuration')
    return [
        Picture(name='dashboard', address='/'),
        Picture(name='clients', address='/clients'),
        Picture(name='client', address=f'/clients/{client}'),
        Picture(name='client-edit', address=f'/clients/{client}/edit'),
        Picture(name='client-new', address='/clients/new'),
        Picture(name='jobs', address='/jobs'),
        Picture(name='job', address=f'/jobs/{job}'),
        Picture(name='job-edit', address=f'/jobs/{job}/edit', before=_tree),
        Picture(name='job-retention', address=f'/jobs/{job}/edit', before=_retention),
        Picture(name='job-new', address='/jobs/new'),
    ]


def _backups(now: Present) -> list[Picture]:
    good = now.newest('mail', 'Mailboxes')
    warning = now.newest('tom-workstation', 'Home', 'warning')
    failed = now.newest('garden-pi', 'Weather station', 'failed')
    return [
        Picture(name='backups', address='/backups'),
        Picture(name='backup', address=f'/backups/{good}'),
        Picture(name='backup-warning', address=f'/backups/{warning}'),
        Picture(name='backup-failed', address=f'/backups/{failed}'),
        Picture(name='backup-running', address=f'/backups/{now.running}', lives=True),
        Picture(name='restores', address='/restores'),
        Picture(name='restore', address=f'/restores/{now.restore}'),
    ]


def _browsing(now: Present) -> list[Picture]:
    newest = now.newest('homeassistant', 'Configuration')
    house = {
        'client': now.client('homeassistant'),
        'job': now.job('homeassistant', 'Configuration'),
        'snapshot': newest,
        'path': CONFIGURATION,
    }
    album = {
        'client': now.client('nas'),
        'job': now.job('nas', 'Photos'),
        'snapshot': now.newest('nas', 'Photos'),
        'path': PHOTOS,
    }
    against = now.older('homeassistant', 'Configuration', 6)
    text = f'{CONFIGURATION}/automations.yaml'
    return [
        Picture(name='browse', address='/browse'),
        Picture(name='browse-folder', address=_browse(house), before=_folder),
        Picture(name='browse-file', address=_browse(house, file=text), before=_difference),
        Picture(name='browse-photo', address=_browse(album, file=f'{PHOTOS}/IMG_2050.jpg')),
        Picture(name='browse-compare', address=_browse(house, against=against)),
        Picture(name='browse-search', address=_browse(house, q='yaml', **{'in': 'everything'})),
        Picture(name='restore-where', address=_browse(house), before=_restoring),
        Picture(name='restore-preview', address=_browse(house), before=_preview),
    ]


def _administration(now: Present) -> list[Picture]:
    return [
        Picture(name='settings', address='/settings'),
        Picture(name='account', address='/account'),
        Picture(name='users', address='/users'),
        Picture(name='tokens', address='/tokens'),
        Picture(name='audit', address='/audit'),
        Picture(name='notifications', address='/settings/notifications'),
        Picture(name='notification-new', address='/settings/notifications/new'),
        Picture(name='notification', address=f'/settings/notifications/{now.mail}'),
        Picture(name='not-found', address='/nowhere'),
    ]


def _browse(place: dict[str, object], **more: object) -> str:
    return f'/browse?{urlencode({**place, **more})}'


def _folder(page: Page) -> None:
    page.get_by_role('checkbox', name='Tick automations.yaml').wait_for()


def _tree(page: Page) -> None:
    page.get_by_role('checkbox', name=CONFIGURATION, exact=True).wait_for()


def _retention(page: Page) -> None:
    page.get_by_text('Which ones').click()
    page.get_by_role('heading', name='Keep', exact=True).evaluate('element => element.scrollIntoView()')
    page.wait_for_timeout(OPENING_MS)


def _difference(page: Page) -> None:
    page.get_by_role('button', name='Compare with the version').first.click()
    page.get_by_role('region', name='Differences').wait_for()


def _restoring(page: Page) -> None:
    page.get_by_role('checkbox', name='Tick automations.yaml').click()
    page.get_by_role('checkbox', name='Tick configuration.yaml').click()
    page.get_by_text('2 files').wait_for()
    page.get_by_role('button', name='Restore …').click()
    page.get_by_role('button', name='Show what it changes').wait_for()
    page.wait_for_timeout(OPENING_MS)


def _preview(page: Page) -> None:
    _restoring(page)
    page.get_by_role('button', name='Show what it changes').click()
    page.get_by_role('dialog').get_by_role('button', name='Continue').wait_for()
