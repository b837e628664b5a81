"""A note on a backup, in the words of who wrote it."""

from nicegui import ui

from pages.calls import ask, praise, told
from pages.frame import View
from pages.widgets.fields import field, named
from pages.widgets.text import box, button, card
from plumbus.errors import InvalidInput
from plumbus.model import Backup

LONGEST = 2000


class NoteCard:
    """What is being typed is never overwritten by what comes from elsewhere."""

    def __init__(self, view: View, backup: Backup) -> None:
        self._view, self._backup = view, backup
        with card(classes='stack near'), field('Note'), box('row-line top wrap'):
            self._text = ui.textarea(
                value=backup.note, placeholder='for instance: before the move to the new disk'
            )
            self._text.classes('grow').props(f'autogrow rows=1 maxlength={LONGEST}')
            named(self._text, 'Note')
            self._button = button('Save note', icon='o_check', on_click=self._save)
        self._text.enabled = view.may('backups.edit')
        self._text.on_value_change(self._arrange)
        self._arrange()

    def show(self, backup: Backup) -> None:
        """Given a newer record of the backup, show its note unless another one is being typed."""
        untouched = self._text.value == self._backup.note
        self._backup = backup
        if untouched:
            self._text.value = backup.note
        self._arrange()

    def _arrange(self) -> None:
        self._text.error = None
        self._button.visible = (self._text.value or '') != self._backup.note

    async def _save(self) -> None:
        with told():
            try:
                edit = self._view.engine.backups.edit
                self.show(await ask(edit, self._backup.id, {'note': self._text.value or ''}))
                praise('The note is kept.')
            except InvalidInput as error:
                self._text.error = error.fields.get('note') or str(error)
