"""The question before something is lost: it names what, and how much."""

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from pages.widgets.text import Text, box, button


async def confirm(title: str, losses: Sequence[str], *, act: str = 'Delete', keep: str = 'Keep it') -> bool:
    """Given a question and what would be lost, return whether the user wants it so. A closed page means no."""
    answer = await _asked(title, losses, act, keep, None)
    return answer is not None


async def confirm_with(title: str, losses: Sequence[str], option: str, *, act: str = 'Delete') -> bool | None:
    """As `confirm`, with a tick box. Return None for no, else whether the box was ticked."""
    return await _asked(title, losses, act, 'Keep it', option)


async def _asked(title: str, losses: Sequence[str], act: str, keep: str, option: str | None) -> bool | None:
    # It hangs from the page itself: what asks, a button in a list say, may be drawn anew while it is open.
    with ui.context.client.content, ui.dialog() as dialog, box('dialog'):
        dialog.props['aria-label'] = title
        Text(title, tag='h2')
        _draw_losses(losses)
        box_ticked = ui.checkbox(option) if option else None
        with box('actions'):
            button(keep, on_click=dialog.close).props('autofocus')
            button(act, 'danger', on_click=lambda: dialog.submit(bool(box_ticked and box_ticked.value))).mark(
                'confirm'
            )
    answer: bool | None = await until_closed(dialog)
    return answer


async def until_closed(dialog: ui.dialog) -> Any:
    """Given a dialog that was drawn for once, open it and return its answer. Its frame goes when the browser has closed it: only then
    the focus is back where it was."""
    dialog.on('hide', dialog.delete)
    answer = await dialog
    if not dialog.is_deleted:
        dialog.clear()
    return answer


def _draw_losses(losses: Sequence[str]) -> None:
    with box('losses', 'ul'):
        for loss in losses:
            with box(tag='li'):
                ui.icon('o_remove_circle_outline')
                Text(loss)
