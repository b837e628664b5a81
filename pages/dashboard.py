"""Is everything safe? One sentence first, then the numbers, what runs, what comes next and what needs attention."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from nicegui import ui

from pages.activity import NOUNS, Activity, under_way
from pages.calls import ask
from pages.frame import View, frame
from pages.live import Batch
from pages.memory import memory
from pages.overview import DAYS, Concern, Overview, Square, days, mark_late, overview, squares
from pages.widgets.empty import empty, skeleton, trouble
from pages.widgets.heatmap import HeatMap
from pages.widgets.running_rows import RunningRows
from pages.widgets.status import StatusChip
from pages.widgets.store import draw_store
from pages.widgets.text import Text, box, card, link, titled
from pages.widgets.when import When
from pages.wording import Look, count, day, exact, plural, size
from plumbus.engine import Engine
from plumbus.errors import PlumbusError
from plumbus.model import Backup, JobView

CHUNK, MOST = 500, 20_000
SHOWN = 6
MISSING = Look(tone='wa', icon='o_help_outline', word='unprotected')
SHIELDS = {'ok': 'o_verified_user', 'wa': 'o_gpp_maybe', 'fa': 'o_gpp_bad'}


@dataclass(kw_only=True, slots=True)
class Knowledge:
    """Everything the dashboard shows, loaded in one go."""

    stats: dict[str, Any]
    history: list[Backup]
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
    clients, jobs = list(engine.clients.all()), memory().jobs()
    history = _lately(engine, now)
    zone = engine.settings.zone
    today = now.astimezone(zone).date()
    happened = squares(history, today, zone)
    mark_late(happened, jobs, today)
    return Knowledge(
        today=today,
        squares=happened,
        stats=engine.system.stats(),
        history=history,
        under_way=under_way(engine),
        overview=overview(clients, jobs, history),
        jobs=jobs,
    )


def _lately(engine: Engine, now: datetime) -> list[Backup]:
    found: list[Backup] = []
    while len(found) < MOST:
        page = engine.backups.page(limit=CHUNK, offset=len(found))
        found += page.items
        if len(page.items) < CHUNK or now - (found[-1].created_at or now) > timedelta(days=DAYS + 1):
            break
    return found


class Dashboard:
    """The page. What was loaded is drawn once; events draw it anew, progress moves the bars in place."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._rows: RunningRows | None = None
        self._heat: HeatMap | None = None
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
        except PlumbusError as error:
            self._area.clear()
            with self._area, card():
                trouble(error, self._reload)
        finally:
            self._busy = False
        if self._again:
            self._again = False
            await self._reload()

    def _draw(self, known: Knowledge) -> None:
        self._area.clear()
        with self._area:
            if not known.overview.clients:
                _welcome()
                return
            _verdict(known.overview)
            _tiles(known)
            with box('two'):
                with box('stack later'):
                    self._days(known)
                    draw_store(known.stats)
                with box('stack'):
                    self._running(known.under_way)
                    self._attention(known.overview.concerns)
                    self._next(known.overview.due)

    def _days(self, known: Knowledge) -> None:
        shown = known.overview
        endangered = shown.endangered
        ids = {client.id for client in endangered}
        calm = [client for client in shown.clients if client.id not in ids]
        with card('Last 30 days', 'each square: the day’s worst backup'):
            first = self._heat.first if self._heat else 0
            self._heat = HeatMap([*endangered, *calm], days(known.today), known.squares, first)

    def _running(self, activities: list[Activity]) -> None:
        with card('Running now', str(len(activities)) if activities else ''):
            self._rows = RunningRows('divided', SHOWN, 'Nothing runs. The fleeb has all its juice.')
            self._rows.show(activities)

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

    def _next(self, due: list[tuple[datetime, JobView]]) -> None:
        zone = self._view.zone
        with card('Next'), box('due divided', 'ul'):
            for moment, job in due[:SHOWN]:
                with box(tag='li'):
                    with box('cut'):
                        link(job.client_name, f'/jobs/{job.id}')
                        Text(f' · {job.name}', 'sub')
                    titled(Text(day(moment, zone), 'sub'), exact(moment, zone))
            if not due:
                Text('No job has a schedule.', 'sub', 'li')


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


def _tiles(known: Knowledge) -> None:
    stats = known.stats
    clients, safe = known.overview.clients, len(known.overview.clients) - len(known.overview.endangered)
    ended = [backup for backup in known.history if backup.status.finished]
    good = sum(backup.status.good for backup in ended)
    rate = f'{stats["success_rate"]:.1f} %' if ended else '–'
    with box('tiles'):
        _tile('Clients', count(len(clients)), f'{safe} protected')
        _tile('Success, 30 days', rate, f'{count(good)} of {plural(len(ended), "backup")}')
        _tile('Protected data', size(stats['protected_bytes']), f'{plural(len(known.jobs), "job")} in all')
        _tile('Stored', size(stats['disk_bytes']), f'{size(stats["disk_free_bytes"])} free')


def _tile(label: str, figure: str, note: str) -> None:
    with box('card tile'):
        Text(label, 'sub small', 'div')
        Text(figure, 'num', 'div')
        Text(note, 'sub small', 'div')
