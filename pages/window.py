"""A window of its own on a desktop, in place of a browser: whether one can open here, and how it is opened."""

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from nicegui import app

from plumbus.errors import PlumbusError

SIZE = (1280, 860)
INSTEAD = 'Or use a browser: python main.py'
# Either draws the page with what its distribution or PyPI brings (pywebview's documentation, "Installation").
TOOLKITS = {'gtk': ('gi',), 'qt': ('qtpy',)}
NOT_SHOWN = (
    'The window could not be opened: its toolkit lacks something that the lines above name. '
    'On Debian: sudo apt install gir1.2-webkit2-4.1 python3-gi, or libxcb-cursor0 for Qt. ' + INSTEAD
)


def toolkit(environment: Mapping[str, str]) -> str:
    """Given the environment, return which toolkit draws the window. Raise PlumbusError if none can here."""
    if not (environment.get('DISPLAY') or environment.get('WAYLAND_DISPLAY')):
        raise PlumbusError('There is no desktop here to open a window on.', f'Run it there. {INSTEAD}')
    if find_spec('webview') is None:
        raise PlumbusError(
            'A window needs the Python package pywebview.',
            f"Install it: .venv/bin/pip install 'pywebview[pyside6]'. {INSTEAD}",
        )
    for name, modules in TOOLKITS.items():
        if all(find_spec(module) for module in modules):
            return name
    raise PlumbusError(
        'A window needs GTK or Qt, and Python finds neither.',
        f"Install Qt: .venv/bin/pip install 'pywebview[pyside6]'. {INSTEAD}",
    )


def prepare(address: str, name: str) -> None:
    """Given the address that lets the window in and its toolkit, tell NiceGUI how to open it.

    If it is never shown, the process says so and ends with code 1.
    """
    app.native.window_args['url'] = address
    app.native.start_args['gui'] = name
    if name == 'qt' and os.geteuid() == 0:  # Chromium's sandbox refuses root, and the page is our own
        os.environ['QTWEBENGINE_DISABLE_SANDBOX'] = '1'
    shown: list[bool] = []
    app.native.on('shown', lambda: shown.append(True))

    def complain() -> None:
        if not shown:
            sys.stderr.write(f'{NOT_SHOWN}\n')
            sys.stderr.flush()
            os._exit(1)  # NiceGUI ends a native process with code 0, whatever became of its window

    app.on_shutdown(complain)
