"""Settings: the key to install, the disk, the way to people and programs, lost secrets."""

from nicegui.testing import User

from plumbus.services.secrets import LostSecret
from tests.support.page_engine import PageEngine


async def test_it_shows_the_line_that_installs_the_key(user: User, engine: PageEngine) -> None:
    await user.open('/settings')
    await user.should_see(engine.system.public_key().install_command)


async def test_it_tells_what_the_disk_keeps_and_how_full_it_is(user: User, engine: PageEngine) -> None:
    await user.open('/settings')
    for words in (
        '1.7 TB of 4.0 TB (42 %)',
        '2 %, 80.0 GB',
        '3.4.3',
        'Hard links',
        'Copies that share their blocks',
    ):
        await user.should_see(words)


async def test_it_tells_what_the_disk_lacks_and_the_remedy(user: User, engine: PageEngine) -> None:
    engine.system.warnings.append('The disk of the snapshots knows no hard links. Use ext4, xfs or btrfs.')
    await user.open('/settings')
    await user.should_see('Use ext4, xfs or btrfs.')


async def test_it_leads_an_admin_to_people_and_programs(user: User) -> None:
    await user.open('/settings')
    for words in ('Your account', 'Users', 'API tokens', 'Audit log'):
        await user.should_see(words)


async def test_it_names_the_secrets_that_are_lost(user: User, engine: PageEngine) -> None:
    lost = LostSecret(noun='client', id=3, whose='attic', name='private key')
    engine.secrets.lost = lambda: [lost]
    await user.open('/settings')
    await user.should_see('Lost secrets')
    await user.should_see('attic')
    await user.should_see(': private key')
