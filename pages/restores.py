"""All restores, newest first: what was brought back, where to, and how it ended."""

from nicegui import ui

from pages.calls import ask
from pages.frame import View, frame
from pages.live import Batch
from pages.restoring import subject, target, title
from pages.widgets.empty import empty
from pages.widgets.listing import Column, Listing, Query, chip, text, to, when
from pages.widgets.text import box
from pages.wording import count, duration, size
from plumbus.engine import Engine
from plumbus.model import Page, Restore


def register(engine: Engine) -> None:
    """Draw /restores."""

    @ui.page('/restores')
    async def restores() -> None:
        crumbs = [('Browse & restore', '/browse')]
        async with frame(engine, 'Restores', here='/browse', crumbs=crumbs) as view:
            with box('card flush', 'section'):
                draw_restores(view)


def draw_restores(view: View) -> None:
    """Show the restores, as they come; previews, which changed nothing, on request."""
    with box('filters'):
        previews = ui.switch('Previews too')

    async def load(query: Query) -> Page[Restore]:
        history = view.engine.restores.history
        return await ask(history, previews=previews.value, limit=query.limit, offset=query.offset)

    listing = Listing(_columns(view), load, label='Restores', nothing=_nothing)
    previews.on_value_change(listing.restart)

    async def happened(_: Batch) -> None:
        await listing.reload()

    view.feed.on(happened, 'restore')


def _columns(view: View) -> list[Column[Restore]]:
    zone = view.zone
    return [
        Column(
            name='name',
            label='Restore',
            kind='main',
            cell=lambda r: to(title(r), f'/restores/{r.id}', f'{subject(r)} to {target(r)}'),
        ),
        Column(name='status', label='Status', kind='chip', cell=lambda r: chip(r.status)),
        Column(
            name='begun',
            label='Started',
            kind='when',
            cell=lambda r: when(r.start_time or r.created_at, zone),
        ),
        Column(
            name='took',
            label='Took',
            kind='number',
            cell=lambda r: text('' if r.duration_s is None else duration(r.duration_s)),
        ),
        Column(
            name='files',
            label='Entries',
            kind='number',
            cell=lambda r: text(count(r.file_count) if r.status.good else ''),
        ),
        Column(
            name='sent',
            label='Sent',
            kind='number',
            cell=lambda r: text(size(r.transferred_bytes) if r.status.good and not r.dry_run else ''),
        ),
    ]


def _nothing() -> object:
    return empty(
        'Nothing was restored yet',
        'May it stay so, and the dinglebop smooth. When something is lost, this is where it comes back.',
        ('Browse the snapshots', '/browse'),
    )
