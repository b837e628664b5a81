"""What is under way, a row each: the header's panel and the dashboard show it."""

from collections.abc import Collection, Sequence

from pages.activity import Activity
from pages.live import Batch, Run
from pages.widgets.progress import bar, done, left, show_bar
from pages.widgets.text import Text, box, link
from pages.wording import rate
from plumbus.model import Progress


class RunningRows:
    """The first few rows; drawn anew when others run or wait, moved in place as these go on."""

    def __init__(self, classes: str, most: int, nothing: str) -> None:
        self._most, self._nothing = most, nothing
        self._rows: dict[Run, RunningRow] = {}
        self._shown: Sequence[tuple[object, ...]] | None = None
        self._area = box(classes)

    def show(self, activities: Sequence[Activity]) -> None:
        """Given what is under way, show it."""
        wanted = [(one.run, one.client, one.what, one.waiting) for one in activities]
        if wanted == self._shown:
            return
        self._shown = wanted
        self._area.clear()
        with self._area:
            self._rows = {one.run: RunningRow(one) for one in activities[: self._most]}
            if not activities:
                Text(self._nothing, 'sub')
            elif len(activities) > self._most:
                link(f'and {len(activities) - self._most} more', '/backups?status=running')

    @property
    def runs(self) -> Collection[Run]:
        """Those that a row shows."""
        return self._rows

    def move(self, batch: Batch) -> None:
        """Given what happened, move the bars."""
        for run, progress in batch.progress.items():
            if run in self._rows:
                self._rows[run].show(progress)


class RunningRow:
    """Client, what is done, bar, amount and time left of one run under way."""

    def __init__(self, activity: Activity) -> None:
        with box('running-row'):
            with box('names'):
                link(activity.client, activity.target, 'cut')
                Text(activity.what, 'sub cut grow')
                self._left = Text('', 'sub')
            self._bar = bar(f'{activity.client}, {activity.what}')
            with box('row-line sub small'):
                self._done = Text('', 'grow')
                self._rate = Text('')
        self.show(activity.progress)
        if activity.waiting:
            self._done.text, self._bar.visible = activity.waiting, False

    def show(self, progress: Progress) -> None:
        """Given newer progress, show it."""
        show_bar(self._bar, progress.percent)
        self._done.text = done(progress)
        self._left.text = left(progress)
        self._rate.text = rate(progress.rate_bps) if progress.rate_bps else ''
