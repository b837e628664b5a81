"""A time told relative to now, the exact one on hover; it grows older while the page is open."""

from datetime import datetime, tzinfo

from nicegui import ElementFilter

from pages.live import every
from pages.widgets.text import Text
from pages.wording import ago, exact

REFRESH_S = 20.0


class When(Text):
    """'3 h ago' with 'Mon 23 Nov 2026, 02:00:13 CET' on hover."""

    def __init__(self, moment: datetime | None, zone: tzinfo, classes: str = '') -> None:
        super().__init__(ago(moment), classes)
        self._zone = zone
        self.show(moment)

    def show(self, moment: datetime | None) -> None:
        """Given another time, show that."""
        self._moment = moment
        self.props['title'] = exact(moment, self._zone)
        self.refresh()

    def refresh(self) -> None:
        """Tell the time relative to the present moment."""
        self.text = ago(self._moment)


def keep_fresh() -> None:
    """Let every relative time of this page grow older."""

    def refresh() -> None:
        for when in ElementFilter(kind=When):
            when.refresh()

    every(REFRESH_S, refresh)
