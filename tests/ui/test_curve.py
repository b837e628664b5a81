"""The small curves: of a running backup's rate, and of what the snapshots take."""

import re
from collections.abc import Sequence

import pytest
from nicegui import ui
from nicegui.testing import User

from pages.widgets.curve import HEIGHT, WIDTH, Curve
from plumbus.model import Progress


def points(curve: Curve) -> list[tuple[float, float]]:
    """Return where its line goes, as share of the width and of the height above the bottom."""
    area, line = curve.default_slot.children
    drawn = line.props['d']
    assert area.props['d'] == (f'{drawn} V{HEIGHT} H0 Z' if drawn else '')
    return [(float(x) / WIDTH, 1 - float(y) / HEIGHT) for x, y in re.findall(r'[ML]([\d.]+) ([\d.]+)', drawn)]


@pytest.mark.parametrize(
    ('values', 'drawn'),
    [
        ((), []),
        ((7,), []),
        ((0, 0), [(0, 0), (1, 0)]),
        ((5, 5, 5), [(0, 1), (0.5, 1), (1, 1)]),
        ((0, 10, 5, 10, 0), [(0, 0), (0.25, 1), (0.5, 0.5), (0.75, 1), (1, 0)]),
    ],
)
async def test_it_goes_from_edge_to_edge_and_from_nothing_to_the_highest(
    user: User, values: Sequence[float], drawn: list[tuple[float, float]]
) -> None:
    await user.open('/settings')
    assert user.client
    with user.client:
        curve = Curve(range(9))
        assert len(points(curve)) == 9
        curve.show(values)
    assert points(curve) == drawn


async def test_the_rate_is_drawn_once_a_second_at_the_most(user: User) -> None:
    from pages.widgets.progress import POINTS, ProgressPanel

    await user.open('/settings')
    seconds = 0.0
    assert user.client
    with user.client:
        panel = ProgressPanel(Progress(phase='fetching'), timer=lambda: seconds)
        curve = next(one for one in user.client.elements.values() if isinstance(one, Curve))
        for _ in range(POINTS * 8):
            seconds += 0.25
            panel.show(Progress(phase='fetching', rate_bps=seconds))
            assert len(points(curve)) <= min(POINTS, seconds + 1)
    assert len(points(curve)) == POINTS
    assert points(curve)[-1] == (1, 1)


async def test_the_dashboard_waits_for_no_library_of_charts(user: User) -> None:
    """What is drawn by one is not there at once, and complains where it is taken away before it came."""
    await user.open('/')
    await user.should_see(kind=Curve)
    await user.should_not_see(kind=ui.echart)
