"""What PLUMBUS costs while it does nothing: seconds to healthy, memory of the idle server, first paint of each page.

usage: .venv/bin/python -m benchmarks.footprint        (needs Chromium; takes about ten seconds)
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError

from playwright.sync_api import sync_playwright

from benchmarks.arguments import no_arguments
from tests.support.browser import ARGUMENTS, CHROMIUM
from tests.support.sshd import free_port

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = 'grumbo-and-fleeb-juice'
PAGES = ('/', '/clients', '/clients/new', '/jobs', '/backups', '/settings')
ROUNDS = 5
START_LIMIT_S = 60
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


@contextmanager
def server(data_dir: Path, port: int) -> Iterator[tuple[int, float]]:
    """Start PLUMBUS and yield its process id and the seconds until it was healthy."""
    environment = {**os.environ, 'PLUMBUS_ADMIN_PASSWORD': PASSWORD}
    command = [sys.executable, 'main.py', '--port', str(port), '--data-dir', str(data_dir)]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        while not healthy(port):
            if process.poll() is not None or time.monotonic() - began > START_LIMIT_S:
                raise RuntimeError('PLUMBUS does not start; see its log')
            time.sleep(0.01)
        yield process.pid, time.monotonic() - began
    finally:
        process.terminate()
        process.wait(timeout=30)


def healthy(port: int) -> bool:
    """Whether GET /api/health answers 200."""
    with suppress(URLError, ConnectionError):
        return bool(urllib.request.urlopen(f'http://127.0.0.1:{port}/api/health', timeout=5).status == 200)
    return False


def memory_mb(pid: int) -> float:
    """Resident memory of a process in MB (proc(5), VmRSS)."""
    status = Path(f'/proc/{pid}/status').read_text()
    found = re.search(r'VmRSS:\s+(\d+) kB', status)
    return int(found[1]) * 1024 / 10**6 if found else 0.0


def paints(port: int) -> dict[str, float]:
    """Milliseconds to the first paint of each page, the median of several visits."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(base_url=f'http://127.0.0.1:{port}')
        page.goto('/login')
        page.get_by_label('Password').fill(PASSWORD)
        page.keyboard.press('Enter')
        page.wait_for_url('**/')
        found = {}
        for address in PAGES:
            visits = []
            for _ in range(ROUNDS):
                page.goto(address)
                page.wait_for_function(f'({PAINT}) > 0')
                visits.append(float(page.evaluate(PAINT)))
            found[address] = statistics.median(visits)
        browser.close()
    return found


def main() -> None:
    """Measure and print a table."""
    no_arguments(__doc__)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), port) as (pid, seconds):
        print(f'start to healthy      {seconds:6.2f} s   (aim: under 3 s)')
        print(f'idle                  {memory_mb(pid):6.0f} MB  (aim: under 150 MB)')
        for address, milliseconds in paints(port).items():
            print(f'first paint {address:13} {milliseconds:3.0f} ms  (aim: under 1000 ms)')
        print(f'after the visits      {memory_mb(pid):6.0f} MB')


if __name__ == '__main__':
    main()
