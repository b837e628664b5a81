"""The window on a desktop: a real one under Xvfb, which nobody else gets into, and which leaves nothing behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from plumbus.transfer.processes import processes
from tests.support.engines import until
from tests.support.served import ROOT

TOOLS = ('Xvfb', 'openbox', 'wmctrl', 'xdotool', 'import', 'convert')
MISSING = [
    *(tool for tool in TOOLS if not shutil.which(tool)),
    *(['pywebview'] if not find_spec('webview') else []),
    *(['GTK or Qt for Python'] if not (find_spec('gi') or find_spec('qtpy')) else []),
]
LIMIT_S = 60
PINK = 'D6336C'


def environment(folder: Path, **more: str) -> dict[str, str]:
    foreign = ('DISPLAY', 'WAYLAND_DISPLAY', 'PLUMBUS_', 'NICEGUI_', 'PYTEST_')
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, 'PLUMBUS_DATA_DIR': str(folder / 'data'), **more}


def refused(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / 'main.py'), '--native'], env=environment(folder, **more), capture_output=True, text=True,
        timeout=LIMIT_S, check=False, cwd=folder,
    )  # fmt: skip


def test_without_a_desktop_it_says_so(tmp_path: Path) -> None:
    done = refused(tmp_path)
    assert (done.returncode, 'There is no desktop here' in done.stderr) == (1, True)
    assert not (tmp_path / 'data').exists()


@pytest.mark.skipif(find_spec('webview') is not None, reason='pywebview is installed here')
@pytest.mark.optional
def test_without_its_package_it_says_how_to_get_it(tmp_path: Path) -> None:
    done = refused(tmp_path, DISPLAY=':0')
    assert (done.returncode, 'pip install' in done.stderr) == (1, True)


@pytest.fixture
def display(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A screen of its own with a window manager; its environment."""
    reading, writing = os.pipe()
    with ExitStack() as stack:
        started: list[subprocess.Popen[bytes]] = []
        stack.callback(lambda: [one.kill() or one.wait(LIMIT_S) for one in started])
        quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
        screen = ['Xvfb', '-displayfd', str(writing), '-screen', '0', '1400x900x24', '-nolisten', 'tcp']
        started.append(subprocess.Popen(screen, pass_fds=[writing], **quiet))  # type: ignore[call-overload]
        os.close(writing)
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        found = environment(tmp_path, DISPLAY=f':{number}')
        started.append(subprocess.Popen(['openbox'], env=found, **quiet))  # type: ignore[call-overload]
        yield found


@pytest.mark.optional
@pytest.mark.skipif(bool(MISSING), reason=f'a window needs what is not installed here: {", ".join(MISSING)}')
def test_it_opens_shows_the_page_to_nobody_else_and_leaves_nothing(
    tmp_path: Path, display: dict[str, str]
) -> None:
    output = tmp_path / 'output.txt'
    with output.open('wb') as file:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / 'main.py'), '--native'], env=display, cwd=tmp_path, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        ask = ['xdotool', 'search', '--name', 'Dashboard']
        until(
            lambda: subprocess.run(ask, env=display, capture_output=True, check=False).stdout,
            'a window',
            LIMIT_S,
        )
        picture = tmp_path / 'window.png'
        until(lambda: PINK in colours(display, picture), 'the page in it', LIMIT_S)
        url = re.search(r'http://127\.0\.0\.1:\d+', output.read_text())
        assert url
        stranger = httpx.get(url[0], trust_env=False, timeout=LIMIT_S)
        assert stranger.status_code == 303
        assert 'secret=' not in output.read_text()
        subprocess.run(['wmctrl', '-c', 'PLUMBUS'], env=display, check=True, timeout=LIMIT_S)
        assert process.wait(LIMIT_S) == 0
        until(lambda: not in_session(process.pid), 'the end of all that it started', LIMIT_S)
    finally:
        for left in in_session(process.pid):
            os.kill(left, signal.SIGKILL)
        process.wait(LIMIT_S)


def in_session(leader: int) -> list[int]:
    """What lives of the session that a process began."""
    found = []
    for one in processes():
        with suppress(ProcessLookupError):
            if os.getsid(one.pid) == leader:
                found.append(one.pid)
    return found


def colours(display: dict[str, str], picture: Path) -> str:
    """The colours on the screen, as text."""
    subprocess.run(['import', '-window', 'root', str(picture)], env=display, check=True, timeout=LIMIT_S)
    told = subprocess.run(
        ['convert', str(picture), '-format', '%c', 'histogram:info:-'],
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_S,
    )
    return told.stdout
