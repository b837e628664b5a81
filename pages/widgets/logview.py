"""The log of a run: its tail when the page opens, then line by line what comes."""

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import ui

from pages.widgets.text import Text, box, button_link
from pages.wording import plural

KEPT = 500
FLOOD = 100  # lines within one flush
TOGETHER = 50  # lines in one element: one for each line would cost an open page two megabytes
MOST_BLOCKS = 40
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
            self._log = ui.log().classes('log').mark('run-log')
            self._log.props['role'], self._log.props['aria-label'] = 'log', title
            self._log.props['aria-relevant'] = (
                'additions'  # lines that are put together are not read out again
            )
            self._log.props['tabindex'] = '0'  # so that the arrow keys scroll it
            self._blocks: list[_Block] = []

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
        for first in range(0, len(lines), TOGETHER):
            self._add([line.replace('\r', ' ') or ' ' for line in lines[first : first + TOGETHER]])
        if len(self._blocks) > MOST_BLOCKS:
            self._blocks = _folded(self._blocks)
        while sum(block.count for block in self._blocks[1:]) >= KEPT:
            self._blocks.pop(0).element.delete()

    def _add(self, lines: Sequence[str]) -> None:
        with self._log:
            self._blocks.append(_Block(element=Text('\n'.join(lines), tag='div'), count=len(lines)))


@dataclass(kw_only=True, slots=True)
class _Block:
    element: Text
    count: int


def _folded(blocks: Sequence[_Block]) -> list[_Block]:
    """Given the blocks of a log, put neighbours that are small into one element."""
    kept: list[_Block] = []
    for block in blocks:
        if kept and kept[-1].count + block.count <= TOGETHER:
            kept[-1].element.text += f'\n{block.element.text}'
            kept[-1].count += block.count
            block.element.delete()
        else:
            kept.append(block)
    return kept


def unseen(tail: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Given what was read and what was sent meanwhile, return the lines that the tail does not end with already."""
    for overlap in range(min(len(tail), len(lines)), 0, -1):
        if list(tail[-overlap:]) == list(lines[:overlap]):
            return list(lines[overlap:])
    return list(lines)
