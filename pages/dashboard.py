"""Is everything safe? One sentence first, then the numbers, what runs, what comes next and what needs attention."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from nicegui import ui

from pages.activity import NOUNS, Activity, counted, under_way
from pages.calls import ask
from pages.frame import View, frame
from pages.live import Batch
from pages.memory import memory
from pages.overview import Concern, Overview, Square, days, mark_late, overview, squares
from pages.widgets.empty import empty, skeleton, trouble
from pages.widgets.heatmap import HeatMap
from pages.widgets.running_rows import RunningRows
from pages.widgets.status import StatusChip
from pages.widgets.store import draw_store, store_words
from pages.widgets.text import Text, box, card, draw_tiles, link, titled
from pages.widgets.when import When
from pages.wording import Look, count, day, exact, plural, size
from plumbus.engine import Engine
from plumbus.errors import PlumbusError
from plumbus.model import JobView

SHOWN = 6
CALM_S = 0.7  # so long changes wait for others after the page was drawn
MISSING = Look(tone='wa', icon='o_help_outline', word='unprotected')
SHIELDS = {'ok': 'o_verified_user', 'wa': 'o_gpp_maybe', 'fa': 'o_gpp_bad'}


@dataclass(kw_only=True, slots=True)
class Knowledge:
    """Everything the dashboard shows, loaded in one go."""

    stats: dict[str, Any]
    today: date
    squares: dict[int, dict[date, Square]]
    under_way: list[Activity]
    overview: Overview
    jobs: list[JobView]


def register(engine: Engine) -> None:
    """Draw /."""

    @ui.page('/')
    async def dashboard() -> None:
        async with frame(engine, 'Dashboard', here='/') as view:
            Dashboard(view)


def learn(engine: Engine) -> Knowledge:
    """Given the engine, return what the dashboard shows. Blocking."""
    now = datetime.now(UTC)
    clients, jobs = memory().clients(), memory().jobs()
    lately = engine.system.lately()
    today = now.astimezone(engine.settings.zone).date()
    happened = squares(lately.days, today)
    mark_late(happened, jobs, today)
    return Knowledge(
        today=today,
        squares=happened,
        stats=engine.system.stats(),
        under_way=under_way(engine),
        overview=overview(clients, jobs, lately.last),
        jobs=jobs,
    )


class Dashboard:
    """The page. What has changed is drawn anew, part by part; progress moves the bars in place."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._rows: RunningRows | None = None
        self._heat: HeatMap | None = None
        self._parts: dict[str, _Part] = {}
        self._busy = self._again = False
        view.head.delete()
        self._area = box('stack')
        with self._area:
            skeleton(8)
        ui.timer(0, self._reload, once=True)
        view.feed.on(self._changed, 'client', 'job', *NOUNS)
        view.feed.follow(self._moved, lambda: self._rows.runs if self._rows else ())

    async def _changed(self, _: Batch) -> None:
        await self._reload()

    def _moved(self, batch: Batch) -> None:
        if self._rows:
            self._rows.move(batch)

    async def _reload(self) -> None:
        if self._busy:
            self._again = True
            return
        self._busy = True
        try:
            self._draw(await ask(memory().recall, 'dashboard', lambda: learn(self._view.engine)))
            await asyncio.sleep(CALM_S)
        except PlumbusError as error:
            self._empty()
            with self._area, card():
                trouble(error, self._reload)
        finally:
            self._busy = False
        if self._again and not self._area.is_deleted:
            self._again = False
            await self._reload()

    def _empty(self) -> None:
        self._area.clear()
        self._parts, self._rows, self._heat = {}, None, None

    def _draw(self, known: Knowledge) -> None:
        if not known.overview.clients:
            self._empty()
            with self._area:
                _welcome()
            return
        if not self._parts:
            self._lay_out()
        shown, stats = known.overview, known.stats
        self._parts['verdict'].show((shown.clients, shown.concerns), lambda: _verdict(shown))
        tiles = _tiles(known)
        self._parts['tiles'].show(tiles, lambda: draw_tiles(tiles))
        self._days(known)
        self._parts['store'].show(store_words(stats), lambda: draw_store(stats))
        going = ', '.join(counted(known.under_way))
        self._parts['running'].show(going, lambda: self._running(going))
        if self._rows:
            self._rows.show(known.under_way)
        self._parts['attention'].show(shown.concerns, lambda: self._attention(shown.concerns))
        due = [(job, *self._when(moment)) for moment, job in shown.due[:SHOWN]]
        self._parts['next'].show(due, lambda: self._next(due))

    def _lay_out(self) -> None:
        self._empty()
        with self._area:
            self._parts |= {name: _Part() for name in ('verdict', 'tiles')}
            with box('two'):
                with box('stack later'):
                    self._parts |= {name: _Part() for name in ('days', 'store')}
                with box('stack'):
                    self._parts |= {name: _Part() for name in ('running', 'attention', 'next')}

    def _days(self, known: Knowledge) -> None:
        shown = known.overview
        endangered = shown.endangered
        ids = {client.id for client in endangered}
        calm = [client for client in shown.clients if client.id not in ids]
        with self._parts['days'].area:
            if self._heat is None:
                with card('Last 30 days', 'each square: the day’s worst backup'):
                    self._heat = HeatMap()
            self._heat.show([*endangered, *calm], days(known.today), known.squares)

    def _running(self, words: str) -> None:
        with card('Running now', words):
            self._rows = RunningRows('divided', SHOWN, 'Nothing runs. The fleeb has all its juice.')

    def _attention(self, concerns: list[Concern]) -> None:
        with card('Needs attention', str(len(concerns)) if concerns else ''), box('attention divided', 'ul'):
            for concern in concerns[:SHOWN]:
                self._concern(concern)
            if not concerns:
                Text('Nothing. Everything is as it should be.', 'sub', 'li')
            if len(concerns) > SHOWN:
                with box(tag='li'):
                    Text(f'and {len(concerns) - SHOWN} more', 'sub')

    def _concern(self, concern: Concern) -> None:
        with box(tag='li'):
            with box('names'):
                StatusChip(concern.status or MISSING)
                job = f' · {concern.job.name}' if concern.job else ''
                link(f'{concern.client.name}{job}', concern.target, 'strong wrap-any')
                if concern.since:
                    When(concern.since, self._view.zone, 'sub small')
            Text(concern.cause, tag='p', classes='wrap-any')
            if concern.remedy:
                Text(concern.remedy, 'sub small', 'p')

    def _when(self, moment: datetime) -> tuple[str, str]:
        return day(moment, self._view.zone), exact(moment, self._view.zone)

    def _next(self, due: list[tuple[JobView, str, str]]) -> None:
        with card('Next'), box('due divided', 'ul'):
            for job, words, moment in due:
                with box(tag='li'):
                    with box('cut'):
                        link(job.client_name, f'/jobs/{job.id}')
                        Text(f' · {job.name}', 'sub')
                    titled(Text(words, 'sub'), moment)
            if not due:
                Text('No job has a schedule.', 'sub', 'li')


class _Part:
    """A part of the page that is drawn anew only if it looks different. Its frame is not to be seen."""

    def __init__(self) -> None:
        self.area = box('part')
        self._shown: object = None

    def show(self, value: object, draw: Callable[[], None]) -> None:
        if value == self._shown:
            return
        self._shown = value
        self.area.clear()
        with self.area:
            draw()


def _welcome() -> None:
    with card():
        empty(
            'Welcome. First, PLUMBUS needs a machine to look after.',
            'All it takes is SSH and rsync. No dinglebop has to be smoothed by hand.',
            ('Add your first client', '/clients/new'),
        )


def _verdict(known: Overview) -> None:
    with box(f'card verdict notice {known.tone}', 'section'):
        ui.icon(SHIELDS[known.tone]).classes(f'ink-{known.tone}')
        with box('grow stack tight'):
            Text(known.verdict, 'wrap-any', 'h1')
            with box('sub wrap-any', 'p'):
                _explained(known)


def _explained(known: Overview) -> None:
    first = next((concern for concern in known.concerns if not concern.protected), None)
    if first is None:
        Text(known.summary)
        return
    others = len(known.endangered) - 1
    link(first.client.name, f'/clients/{first.client.id}')
    Text(': ')
    Text(first.cause, 'strong').style('color:var(--text)')
    Text(f' {first.remedy} '.replace('  ', ' '))
    if others:
        Text('Also: ')
    for index, client in enumerate(known.endangered[1:4]):
        Text(', ' if index else '')
        link(client.name, f'/clients/{client.id}')
    if others > 3:
        Text(f' and {others - 3} more')


def _tiles(known: Knowledge) -> list[tuple[str, str, str]]:
    stats, clients = known.stats, known.overview.clients
    good = stats['successful_30_days']
    ended = good + stats['failed_30_days']
    rate = f'{stats["success_rate"]:.1f} %' if ended else '–'
    safe = len(clients) - len(known.overview.endangered)
    return [
        ('Clients', count(len(clients)), f'{safe} protected'),
        ('Success, 30 days', rate, f'{count(good)} of {plural(ended, "backup")}'),
        ('Protected data', size(stats['protected_bytes']), f'{plural(len(known.jobs), "job")} in all'),
        ('Stored', size(stats['disk_bytes']), f'{size(stats["disk_free_bytes"])} free'),
    ]
