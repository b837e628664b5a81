"""What `make screenshots` waits for before it takes a picture."""

from playwright.sync_api import Page, expect

from scripts.screenshots.camera import settle

# A page whose second part begins to load a moment after the first one is there.
STAGES = """
<h1>Browse</h1><div class="q-skeleton">first</div>
<script>
  const draw = (words, name) => { document.querySelector('div').textContent = words; document.querySelector('div').className = name; };
  setTimeout(() => draw('a timeline', ''), 200);
  setTimeout(() => draw('second', 'q-skeleton'), 600);
  setTimeout(() => draw('a folder', ''), 1800);
</script>
"""


def test_a_picture_waits_for_the_last_part_of_a_page(page: Page) -> None:
    page.set_content(STAGES)
    settle(page, quiet_ms=900)
    assert page.locator('div').text_content() == 'a folder'


def test_what_nobody_sees_may_go_on_loading(page: Page) -> None:
    page.set_content('<div class="q-skeleton" style="display: none">later</div>')
    settle(page, quiet_ms=100)
    expect(page.locator('div')).to_be_hidden()
