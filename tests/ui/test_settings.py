"""Settings: the key to install, the password."""

import pytest
from nicegui.testing import User

from tests.support.page_engine import PageEngine
from tests.ui.conftest import field, until


async def test_it_shows_the_line_that_installs_the_key(user: User, engine: PageEngine) -> None:
    await user.open('/settings')
    await user.should_see(engine.system.public_key().install_command, retries=10)


async def test_it_tells_what_the_disk_keeps_and_how_full_it_is(user: User, engine: PageEngine) -> None:
    await user.open('/settings')
    for words in (
        '1.7 TB of 4.0 TB (42 %)',
        '2 %, 80.0 GB',
        '3.4.3',
        'Hard links',
        'Copies that share their blocks',
    ):
        await user.should_see(words, retries=10)


async def test_it_tells_what_the_disk_lacks_and_the_remedy(user: User, engine: PageEngine) -> None:
    engine.system.warnings.append('The disk of the snapshots knows no hard links. Use ext4, xfs or btrfs.')
    await user.open('/settings')
    await user.should_see('Use ext4, xfs or btrfs.', retries=10)


async def test_it_changes_the_password(
    user: User, engine: PageEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = list[tuple[str, ...]]()
    monkeypatch.setattr(
        engine.accounts, 'change_password', lambda *given, keep_token: changed.append((*given, keep_token))
    )
    user.http_client.cookies.set('plumbus_session', 'of-this-browser')
    await user.open('/settings')
    field(user, 'Present password').value = 'plumbus'
    field(user, 'New password').value = field(user, 'New password again').value = 'more fleeb juice'
    user.find('Change the password').click()
    await until(lambda: changed == [('admin', 'plumbus', 'more fleeb juice', 'of-this-browser')])
    assert field(user, 'New password').value == ''


async def test_it_says_beside_the_field_what_is_wrong(user: User) -> None:
    await user.open('/settings')
    field(user, 'Present password').value = 'wrong'
    field(user, 'New password').value = 'more fleeb juice'
    user.find('Change the password').click()
    await until(lambda: bool(field(user, 'New password again').error))
    field(user, 'New password again').value = 'more fleeb juice'
    user.find('Change the password').click()
    await until(lambda: field(user, 'Present password').error == 'Is not your present password.')
