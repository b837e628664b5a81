"""Routes that compare two backups."""

from typing import Annotated

from fastapi import APIRouter, Query

from plumbus.api.answers import Answer, flat
from plumbus.api.door import Door, Limit, Offset, PathText
from plumbus.api.schemas import problems
from plumbus.backup.compare import Difference
from plumbus.backup.textdiff import TextDifference
from plumbus.model.fields import Id

router = APIRouter(prefix='/api/backups', tags=['Backups'])
Against = Annotated[Id, Query(description='The other backup, usually the earlier one.')]


class ToldDifference(Difference):
    """What is other in two snapshots."""

    success: bool = True
    backup_id: int
    against: int


class ToldTextDifference(TextDifference):
    """What is other in two versions of a file."""

    success: bool = True
    backup_id: int
    against: int


@router.get('/{backup_id}/diff', response_model=ToldDifference, responses=problems(404, 422, 503))
def diff(
    engine: Door,
    backup_id: int,
    against: Against,
    *,
    path: PathText = '/',
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Answer:
    """Tell what this backup has `added`, `removed` and `changed` when compared with another one, at or below a path."""
    found = engine.backups.diff(backup_id, against, path, limit=limit, offset=offset)
    return Answer({'success': True, 'backup_id': backup_id, 'against': against, **flat(found)})


@router.get('/{backup_id}/textdiff', response_model=ToldTextDifference, responses=problems(404, 422))
def text_diff(engine: Door, backup_id: int, against: Against, path: PathText) -> Answer:
    """Tell line by line what is other in a text file when compared with the one in another backup."""
    found = engine.backups.text_diff(backup_id, against, path)
    return Answer({'success': True, 'backup_id': backup_id, 'against': against, **flat(found)})
