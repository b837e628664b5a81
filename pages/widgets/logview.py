"""The log of a run: its tail when the page opens, then line by line what comes."""

from collections.abc import Sequence

from nicegui import ui

from pages.widgets.text import Text, box, button_link
from pages.wording import plural

KEPT = 500
FLOOD = 100  # lines within one flush; each line is an element in the browser
MOST_PX = 320


class LogView:
    """Lines that arrive before the tail has been read wait, and are not shown twice."""

    def __init__(self, title: str, download: str) -> None:
        self._waiting: list[str] | None = []
        self._seen = 0
        with box('card flush', 'section'):
            with box('card-head'):
                Text(title, tag='h2')
                self._note = Text('', 'sub')
                button_link('Download', download, 'quiet', icon='o_download').props('target=_blank')
            self._log = ui.log(max_lines=KEPT).classes('log').mark('run-log')
            self._log.props['role'], self._log.props['aria-label'] = 'log', title
            self._log.props['tabindex'] = '0'  # so that the arrow keys scroll it

    def begin(self, tail: Sequence[str]) -> None:
        """Given the last lines on disk, show them and what came meanwhile."""
        fresh = unseen(tail, self._waiting or [])
        self._waiting = None
        self._show([*tail, *fresh])

    def push(self, lines: Sequence[str]) -> None:
        """Given new lines, show them below the others; of a flood only the end, for nobody reads that fast."""
        if self._waiting is not None:
            self._waiting.extend(lines)
        elif len(lines) > FLOOD:
            skipped = len(lines) - FLOOD
            self._seen += skipped - 1
            self._show([f'… {plural(skipped, "line")} more, see the download', *lines[skipped:]])
        elif lines:
            self._show(lines)

    def _show(self, lines: Sequence[str]) -> None:
        self._seen += len(lines)
        self._note.text = plural(self._seen, 'line')
        self._log.style(f'height:{min(MOST_PX, 40 + 22 * self._seen)}px')
        self._log.push('\n'.join(line.replace('\r', ' ') or ' ' for line in lines))


def unseen(tail: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Given what was read and what was sent meanwhile, return the lines that the tail does not end with already."""
    for overlap in range(min(len(tail), len(lines)), 0, -1):
        if list(tail[-overlap:]) == list(lines[:overlap]):
            return list(lines[overlap:])
    return list(lines)
