"""A small curve over its area, from nothing upwards. The page draws it itself: no library of charts has to come first."""

from collections.abc import Sequence

from nicegui import ui

from pages.widgets.text import box

WIDTH, HEIGHT = 1000, 100  # of the drawing, which is stretched to the element's size


class Curve(ui.element):
    """A curve of evenly spaced values, lowest at the bottom; without two values it is an empty space."""

    def __init__(self, values: Sequence[float] = ()) -> None:
        super().__init__('svg')
        self.classes('curve')
        self.props['viewBox'], self.props['preserveAspectRatio'] = f'0 0 {WIDTH} {HEIGHT}', 'none'
        with self:
            self._area, self._line = box('area', 'path'), box('line', 'path')
        self.show(values)

    def show(self, values: Sequence[float]) -> None:
        """Given values of 0 and more, the oldest first, draw them in place of those before."""
        line = _line(values)
        self._line.props['d'] = line
        self._area.props['d'] = f'{line} V{HEIGHT} H0 Z' if line else ''


def _line(values: Sequence[float]) -> str:
    """Return the path, https://www.w3.org/TR/SVG2/paths.html."""
    if len(values) < 2:
        return ''
    step, highest = WIDTH / (len(values) - 1), max(values) or 1
    points = (
        f'{place * step:.1f} {HEIGHT * (1 - value / highest):.1f}' for place, value in enumerate(values)
    )
    return f'M{" L".join(points)}'
