"""Lives the past of the sample, lets its present begin, and takes pictures of all of it."""

import argparse
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.screenshots import camera
from scripts.screenshots.camera import LOGIN, Picture
from scripts.screenshots.household import HOUSEHOLD
from scripts.screenshots.machines import Running, make_users
from scripts.screenshots.past import PASSWORD, ZONE, Past
from scripts.screenshots.pictures import pictures
from scripts.screenshots.present import Present, take_messages
from tests.support.served import Served

HILLS = """\
<svg width="1200" height="800" viewBox="0 0 1200 800"><defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1">
<stop offset="0" stop-color="hsl({hue},60%,45%)"/><stop offset="1" stop-color="hsl({warm},80%,78%)"/></linearGradient></defs>
<rect width="1200" height="800" fill="url(#sky)"/><circle cx="{sun}" cy="330" r="62" fill="hsl({warm},95%,90%)"/>
<path d="M0 520 Q220 380 430 500 T860 450 T1200 480 V800 H0Z" fill="hsl({hue},32%,40%)"/>
<path d="M0 600 Q300 500 560 590 T1200 560 V800 H0Z" fill="hsl({hue},36%,28%)"/>
<path d="M0 690 Q400 620 720 690 T1200 660 V800 H0Z" fill="hsl({hue},40%,17%)"/></svg>"""


def main(wanted: argparse.Namespace) -> None:
    """Given what was asked for, make the sample and take the pictures, or keep it up until Ctrl+C."""
    make_users()
    take_messages()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=camera.CHROMIUM, args=camera.ARGUMENTS)
        photos = camera.paint(browser, [drawing(hue) for hue in (205, 230, 265, 180)])
        machines = {machine.name: Running(machine, photos) for machine in HOUSEHOLD}
        past = Past(machines=machines, now=datetime.now(UTC))
        began = time.monotonic()
        past.live()
        print(f'Lived the past in {time.monotonic() - began:.0f} s.', flush=True)
        with Served(Path('/'), TZ=ZONE) as served, served.api as api:
            present = Present(api, past)
            present.begin()
            if wanted.serve:
                print(f'It serves {served.url} in its own network.', flush=True)
                signal.pause()
            else:
                take(browser, served.url, pictures(present), wanted.only)
        browser.close()


def take(browser: Browser, url: str, known: list[Picture], only: list[str]) -> None:
    """Given all pictures there are, and the names of those to take anew if not all, take them."""
    if unknown := set(only) - {LOGIN, *(picture.name for picture in known)}:
        raise SystemExit(f'There is no picture {", ".join(sorted(unknown))}.')
    if not only:
        camera.remove_old()
    chosen = [picture for picture in known if picture.name in only or not only]
    camera.take_all(browser, url, chosen, log_in, door=not only or LOGIN in only)


def drawing(hue: int) -> str:
    """Given the colour of the sky, return hills below it."""
    return HILLS.format(hue=hue, warm=(hue + 170) % 360, sun=300 + hue * 2)


def log_in(page: Page, url: str) -> None:
    """Log in as the admin."""
    page.goto(f'{url}/login')
    page.get_by_label('User name').fill('admin')
    page.get_by_label('Password', exact=True).fill(PASSWORD)
    page.get_by_role('button', name='Log in').click()
    page.wait_for_url(f'{url}/')
