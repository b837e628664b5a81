"""How much the snapshots take: over time, of the disk as a whole, and when it will be full at this pace."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pages.widgets.curve import Curve
from pages.widgets.text import Text, box, card
from pages.wording import size

LEAST_DAYS = 3


def draw_store(stats: Mapping[str, Any]) -> None:
    """Given the engine's figures, draw the card; nothing where the disk cannot be asked."""
    total, free, own = stats['disk_total_bytes'], stats['disk_free_bytes'], stats['disk_bytes']
    if not total:
        return
    with card('Store', f'{100 * free / total:.0f} % free'), box('disk'):
        _draw_trend(stats['disk_trend'])
        _draw_meter(own, max(0, total - free - own), total)
        with box('row-line wrap small sub'):
            Text(f'{size(own)} snapshots', 'grow')
            if total - free - own > 0:
                Text(f'{size(total - free - own)} other files', 'grow')
            Text(f'{size(free)} free of {size(total)}')
        Text(stats['disk_forecast'], 'small', 'p')


def store_words(stats: Mapping[str, Any]) -> tuple[object, ...]:
    """Given the same, return what is to be read in the card: it need not be drawn anew for bytes that nobody sees."""
    amounts = [size(stats[name]) for name in ('disk_bytes', 'disk_free_bytes', 'disk_total_bytes')]
    trend = [(day['day'], size(day['bytes'])) for day in stats['disk_trend']]
    return *amounts, *trend, stats['disk_forecast']


def _draw_meter(own: int, other: int, total: int) -> None:
    with box('meter'):
        box('used').style(f'width:{100 * own / total:.2f}%')
        box('other').style(f'width:{100 * other / total:.2f}%')


def _draw_trend(trend: Sequence[Mapping[str, Any]]) -> None:
    if len(trend) < LEAST_DAYS:
        return
    first, last = trend[0], trend[-1]
    curve = Curve([day['bytes'] for day in trend]).classes('trend')
    began = date.fromisoformat(first['day'])
    day = f'{began.day} {began:%b}'
    words = f'Snapshots took {size(first["bytes"])} on {day} and take {size(last["bytes"])} now'
    curve.props['role'], curve.props['aria-label'] = 'img', words
    with box('row-line small sub'):
        Text(f'{day}: {size(first["bytes"])}', 'grow')
        Text(f'now: {size(last["bytes"])}')
