"""The doors: login and first start are plain forms that a password manager understands."""

from nicegui.testing import User

from tests.support.page_engine import PageEngine


async def test_it_posts_the_login_to_the_server(user: User) -> None:
    text = (await user.http_client.get('/login?next=/jobs')).text
    for part in (
        '"action":"/login"',
        '"method":"post"',
        '"name":"username"',
        '"name":"password"',
        '"value":"/jobs"',
        'current-password',
    ):
        assert part in text.replace('": "', '":"')


async def test_it_says_when_the_login_is_wrong(user: User) -> None:
    await user.open('/login?error=1')
    await user.should_see('do not belong together')
    await user.should_see('set-password')


async def test_it_says_how_long_to_wait(user: User) -> None:
    await user.open('/login?error=wait-8')
    await user.should_see('Try again in 8 seconds.')


async def test_it_shows_no_text_from_the_address(user: User, engine: PageEngine) -> None:
    for page in ('/login', '/setup'):
        engine.accounts.users = page == '/login'
        for text in ('Call 555 to unlock', 'wait-٣', 'wait-999999', 'wait-<b>'):
            await user.open(f'{page}?error={text}')
            await user.should_see('That did not work.')
            await user.should_not_see('555')
            await user.should_not_see('999999')


async def test_it_says_what_is_wrong_at_the_first_start(user: User, engine: PageEngine) -> None:
    engine.accounts.users = False
    await user.open('/setup?error=1')
    await user.should_see('The code is wrong.')
    await user.open('/setup?error=password')
    await user.should_see('at least 8 characters.')


async def test_it_never_leads_elsewhere_after_the_login(user: User) -> None:
    for target in ('//evil.example', 'https://evil.example', '/\\evil.example', 'javascript:alert(1)', ''):
        assert 'evil' not in (await user.http_client.get('/login', params={'next': target})).text


async def test_it_asks_for_the_code_at_the_first_start(user: User, engine: PageEngine) -> None:
    engine.accounts.users = False
    await user.open('/setup')
    await user.should_see('Code from the log')
    await user.should_see('New password')


async def test_it_sends_to_the_right_door(user: User, engine: PageEngine) -> None:
    assert (await user.http_client.get('/setup')).headers['location'] == '/login'
    engine.accounts.users = False
    assert (await user.http_client.get('/login')).headers['location'] == '/setup'
