"""Serves the pages with sample data, to look at them: `python -m tests.support.page_server PORT [empty|tidy]`."""

import sys
import threading

from nicegui import app, ui

from pages import register_all
from tests.support.page_engine import PageEngine


def main(port: int, *, empty: bool = False, tidy: bool = False) -> None:
    engine = PageEngine(empty=empty, tidy=tidy)
    register_all(engine)
    stop = threading.Event()
    app.on_startup(lambda: threading.Thread(target=engine.live, args=(stop,), daemon=True).start())
    app.on_shutdown(stop.set)
    ui.run(
        host='127.0.0.1',
        port=port,
        reload=False,
        show=False,
        title='PLUMBUS',
        dark=None,
        storage_secret='sample',
        tailwind=False,
        show_welcome_message=False,
    )


if __name__ == '__main__':
    main(int(sys.argv[1]), empty='empty' in sys.argv, tidy='tidy' in sys.argv)
