"""The look that axe takes at pages finds what it is there for, whichever slice that is in."""

from playwright.sync_api import Page

from tests.support.browser import serious

FAULTY = """
<html lang="en"><title>Faults</title><main><h1>Faults</h1>
<p style="color: #aaa; background: #fff">pale</p><img src="data:,"><button></button><input><ul><p>no item</p></ul></main></html>
"""


def test_axe_finds_faults_of_every_kind(page: Page) -> None:
    page.set_content(FAULTY)
    found = {told.partition(':')[0] for told in serious(page)}
    assert found == {'color-contrast', 'image-alt', 'button-name', 'label', 'list'}
