"""The way through a browser: a token, a second factor, a login ended from elsewhere."""

import re

import pyotp
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import PASSWORD, Look, fits, log_in, serious, serious_in_front


def test_a_token_is_made_shown_and_ended(visitor: Page, look: Look) -> None:
    visitor.goto('/tokens')
    visitor.get_by_role('button', name='Make a token').click()
    visitor.get_by_label('Name').fill(f'script {look}')
    visitor.get_by_role('button', name='Make it').click()
    shown = visitor.locator('code')
    expect(shown).to_have_text(re.compile('^plumbus_'))
    assert fits(visitor)
    assert serious_in_front(visitor) == []
    visitor.get_by_role('button', name='I have it').click()
    expect(shown).to_have_count(0)
    visitor.get_by_role('button', name=f'End script {look}').click()
    assert serious_in_front(visitor) == []
    visitor.get_by_role('button', name='End it').click()
    expect(visitor.get_by_text(f'script {look}', exact=True)).to_have_count(0)


def test_a_second_factor_guards_the_next_login(newcomer: Page, base_url: str) -> None:
    newcomer.goto('/account')
    newcomer.get_by_label('Your password').fill(PASSWORD)
    newcomer.get_by_role('button', name='Set it up').click()
    expect(newcomer.get_by_alt_text('QR code for the app')).to_be_visible()
    seed = newcomer.locator('span.mono').inner_text().replace(' ', '')
    assert fits(newcomer)
    newcomer.get_by_label('Code', exact=True).fill(pyotp.TOTP(seed).now())
    newcomer.get_by_role('button', name='Turn it on').click()
    expect(newcomer.get_by_text('Your recovery codes')).to_be_visible()
    codes = newcomer.locator('ul.codes li').all_inner_texts()
    assert len(codes) == 10
    newcomer.get_by_role('button', name='I have them').click()
    newcomer.context.clear_cookies()
    newcomer.goto('/account')
    assert serious(newcomer) == []
    newcomer.get_by_label('Password', exact=True).fill(PASSWORD)
    newcomer.get_by_role('button', name='Log in').click()
    expect(newcomer.get_by_role('heading', name='One more step')).to_be_visible()
    assert fits(newcomer)
    assert serious(newcomer) == []
    newcomer.get_by_label('Code', exact=True).fill(codes[0])
    newcomer.get_by_role('button', name='Log in').click()
    newcomer.wait_for_url('**/account')
    newcomer.get_by_label('Your password').fill(PASSWORD)
    newcomer.get_by_role('button', name='Turn it off').click()
    expect(newcomer.get_by_role('button', name='Set it up')).to_be_visible()


def test_a_login_that_is_ended_elsewhere_leads_its_pages_to_the_login(
    visitor: Page, browser: Browser, base_url: str
) -> None:
    context = browser.new_context(base_url=base_url, user_agent='Lynx on an old laptop with Linux')
    other = context.new_page()
    log_in(other)
    other.goto('/jobs')
    visitor.goto('/account')
    visitor.get_by_role('button', name='End the login of Linux').first.click()
    other.wait_for_url('**/login*')
    expect(other.get_by_label('User name')).to_be_visible()
    context.close()
