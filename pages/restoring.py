"""What a restore does, in words: where to, what is made, overwritten and lost. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pages.wording import count, listed, literal, plural, size
from plumbus.model import Restore

Action = Literal['create', 'overwrite', 'delete', 'attributes']
ACTIONS: dict[Action, str] = {
    'create': 'Created',
    'overwrite': 'Overwritten',
    'delete': 'Deleted',
    'attributes': 'Attributes',
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """One sentence about what happens; `loss` if something that is there now goes for good."""

    icon: str
    words: str
    loss: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """How many entries an action is about, how many bytes are written and how many lay there."""

    count: int = 0
    bytes: int = 0
    old_bytes: int = 0


def tally(restore: Restore, action: Action) -> Tally:
    """Given a restore or its dry run, return how much of an action it is."""
    counted = restore.summary.get(action)
    if counted:
        return Tally(
            count=counted.get('count', 0),
            bytes=counted.get('bytes', 0),
            old_bytes=counted.get('old_bytes', 0),
        )
    mine = [change for change in restore.changes if change.get('action') == action]
    return Tally(
        count=len(mine),
        bytes=sum(change.get('size') or 0 for change in mine),
        old_bytes=sum(change.get('old_size') or 0 for change in mine),
    )


def total(restore: Restore) -> int:
    """Given a restore or its dry run, return how many entries it changes."""
    return sum(tally(restore, action).count for action in ACTIONS)


def target(restore: Restore) -> str:
    """Return where it goes: 'the place it came from on web-01', '/srv/new on web-01'."""
    machine = 'this server' if restore.to_server else restore.client_name
    return (
        f'{literal(restore.restore_path)} on {machine}' if restore.restore_path else f'its place on {machine}'
    )


def title(restore: Restore) -> str:
    """Return what one is called: a preview changes nothing, an undo takes another one back."""
    if restore.undo_of:
        return f'Undo of restore {restore.undo_of}'
    return f'{"Preview" if restore.dry_run else "Restore"} {restore.id}'


def subject(restore: Restore) -> str:
    """Return what is brought back: its paths, or everything."""
    return listed([literal(path) for path in restore.paths], 2) or 'everything'


def effects(restore: Restore) -> list[Effect]:
    """Given a dry run, say what a restore would do, losses first."""
    kept = restore.safety_copy
    told: list[Effect] = []
    over, gone = tally(restore, 'overwrite'), tally(restore, 'delete')
    if over.count:
        fate = 'is kept in a safety copy' if kept else 'is lost'
        words = f'{entries(over.count)} overwritten: what lies there now{_figure(over.old_bytes)} {fate}.'
        told.append(Effect(icon='o_edit_note', words=words, loss=not kept))
    if gone.count:
        fate = 'goes into the safety copy' if kept else 'lost for good'
        words = f'{entries(gone.count)} deleted{_figure(gone.old_bytes)}, {fate}.'
        told.append(Effect(icon='o_delete', words=words, loss=not kept))
    new, other = tally(restore, 'create'), tally(restore, 'attributes')
    if new.count:
        told.append(
            Effect(icon='o_add_circle_outline', words=f'{entries(new.count)} created{_figure(new.bytes)}.')
        )
    if other.count:
        words = f'{plural(other.count, "entry gets", "entries get")} other times, rights or owners; the contents stay.'
        told.append(Effect(icon='o_tune', words=words))
    return told


def undo_in_words(restore: Restore) -> list[str]:
    """Given a restore with a safety copy, say what its undo takes away and brings back."""
    new, over, gone = (tally(restore, action).count for action in ('create', 'overwrite', 'delete'))
    told = [f'{entries(new)} removed again: the restore made them.'] if new else []
    if over or gone:
        back = (
            f'{entries(over + gone)} brought back from the safety copy; what was changed there since is lost.'
        )
        told.append(back)
    return told or ['Times, rights and owners become again what they were.']


def done(restore: Restore) -> str:
    """Given an ended restore, return '2 created, 1 overwritten', or an empty text if nothing was to be done."""
    words = {'create': 'created', 'overwrite': 'overwritten', 'delete': 'deleted', 'attributes': 'adjusted'}
    parts = [
        f'{count(tally(restore, action).count)} {words[action]}'
        for action in ACTIONS
        if _some(restore, action)
    ]
    return ', '.join(parts)


def entries(number: int) -> str:
    """Return '1 entry is' or '1,200 entries are'."""
    return plural(number, 'entry is', 'entries are')


def act_in_words(restore: Restore) -> str:
    """Given a dry run, return what the button that does it says: 'Overwrite 2, delete 1, create 4'."""
    words: dict[Action, str] = {
        'overwrite': 'overwrite',
        'delete': 'delete',
        'create': 'create',
        'attributes': 'adjust',
    }
    parts = [
        f'{word} {tally(restore, action).count:,}' for action, word in words.items() if _some(restore, action)
    ]
    told = ', '.join(parts)
    return told[:1].upper() + told[1:]


def dangerous(restore: Restore) -> bool:
    """Whether something that is there now would be lost."""
    return any(effect.loss for effect in effects(restore))


def of_action(restore: Restore, action: Action) -> Sequence[dict[str, Any]]:
    """Given a dry run, return the changes of one kind."""
    return [change for change in restore.changes if change.get('action') == action]


def moment_in(change: dict[str, Any], name: str) -> datetime | None:
    """Given a change, return the time of that name, if it tells it."""
    told = change.get(name)
    return datetime.fromisoformat(told) if isinstance(told, str) else told


def _some(restore: Restore, action: Action) -> bool:
    return tally(restore, action).count > 0


def _figure(number: int) -> str:
    return f' ({size(number)})' if number else ''
