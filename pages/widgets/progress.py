"""How far a run is: bars, words, and the large panel of a run's own page."""

import time
from collections.abc import Callable

from nicegui import ui

from pages.widgets.curve import Curve
from pages.widgets.text import Text, box
from pages.wording import count, duration, phase, plural, rate, size
from plumbus.model import Progress

POINTS = 120
POINT_S = 1.0
VAGUE_S = 600  # from here on seconds are not worth telling


class ProgressPanel:
    """The large one: percent, bar, amount, files, rate with a curve, time left, current file."""

    def __init__(
        self, progress: Progress, name: str = 'This backup', timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._rates: list[float] = []
        self._timer, self._drawn = timer, -POINT_S
        with box('row-line live-top'):
            self._percent = Text('', 'percent')
            with box('grow stack near'):
                self._bar = bar(name).classes('big')
                with box('figures'):
                    self._figures = Text('')
                    self._left = Text('', 'left')
        self._spark = Curve().classes('spark')
        self._spark.props['aria-hidden'] = 'true'
        self._current = box('current mono')
        with self._current:
            ui.icon('o_insert_drive_file', size='16px')
            self._file = Text('', 'cut')
        self.show(progress)

    def show(self, progress: Progress) -> None:
        """Given newer progress, show it and lengthen the curve."""
        self._percent.text = '…' if progress.percent is None else f'{progress.percent:.0f} %'
        show_bar(self._bar, progress.percent)
        self._figures.text = ' · '.join(_amounts(progress))
        self._left.text = left(progress)
        self._current.visible = bool(progress.current_file)
        self._file.text = progress.current_file or ''
        self._file.props['title'] = self._file.text
        self._draw_rate(progress.rate_bps)

    def _draw_rate(self, rate_bps: float) -> None:
        now = self._timer()
        if now - self._drawn < POINT_S:  # each drawing sends the whole curve
            return
        self._drawn = now
        self._rates = [*self._rates, rate_bps][-POINTS:]
        self._spark.visible = len(self._rates) > 2
        self._spark.show(self._rates)


def bar(name: str) -> ui.linear_progress:
    """Return a progress bar that screen readers call `name`."""
    made = ui.linear_progress(0, show_value=False, color=None).classes('bar')
    made.props['aria-label'] = name
    return made.props('rounded animation-speed=300')


def show_bar(made: ui.linear_progress, percent: float | None) -> None:
    """Given a percentage or None for "not known yet", show it."""
    made.value = 0 if percent is None else percent / 100
    if made.props.get('indeterminate', False) != (percent is None):
        made.props['indeterminate'] = percent is None


def done(progress: Progress) -> str:
    """Return '64 % · 1.9 of 3.0 GB', or the phase while nothing is known."""
    if progress.percent is None or progress.bytes_total is None:
        return phase(progress.phase)
    return f'{progress.percent:.0f} % · {size(progress.bytes)} of {size(progress.bytes_total)}'


def left(progress: Progress) -> str:
    """Return '26 s left', 'about 12 min left', or nothing while that is not known."""
    if progress.eta_s is None:
        return ''
    if progress.eta_s >= VAGUE_S:
        return f'about {duration(60 * round(progress.eta_s / 60))} left'
    return f'{duration(progress.eta_s)} left'


def _amounts(progress: Progress) -> list[str]:
    of_bytes = f' of {size(progress.bytes_total)}' if progress.bytes_total is not None else ''
    speed = [rate(progress.rate_bps)] if progress.rate_bps else []
    return [phase(progress.phase), f'{size(progress.bytes)}{of_bytes}', *_files(progress), *speed]


def _files(progress: Progress) -> list[str]:
    if progress.files_total is None:
        return [plural(progress.files, 'file')]
    several = progress.files_total > 1  # one alone is named below
    return [f'{count(progress.files)} of {plural(progress.files_total, "file")}'] if several else []
