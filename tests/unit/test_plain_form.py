"""Lists take records straight from the database: what they tell is what a record read from there would tell."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import orjson
import pytest

from plumbus.model import Backup, Client, Job, Record, Status
from plumbus.services.plain import PlainForm
from plumbus.store.database import Database
from plumbus.store.documents import Documents, utc_now
from plumbus.store.rows import decoded

TIME = datetime(2026, 11, 23, 2, 0, 0, 123456, tzinfo=UTC)
RECORDS = (
    Backup(client_id=1, job_id=2, status=Status.WARNING, start_time=TIME, end_time=TIME + timedelta(hours=1),
           verified_at=TIME.astimezone(timezone(timedelta(hours=2))), warnings=['Grumbo'], size_bytes=2**40),
    Job(client_id=1, name='Fleeb', source_paths=['/home'], planned_since=TIME),
    Client(name='Schleem', host='schleem.lan', username='ploob'),
)  # fmt: skip


@pytest.mark.parametrize('record', RECORDS, ids=lambda record: type(record).__name__)
def test_it_tells_what_a_record_tells(record: Record, tmp_path: Path) -> None:
    documents = Documents(Database(tmp_path / 'db'), 'things', type(record), utc_now)
    stored = documents.get(documents.add(record).id)
    raw = decoded(documents.texts()[stored.id])
    assert orjson.dumps(PlainForm(type(record)).of(raw)) == orjson.dumps(stored.model_dump())


def test_it_knows_fields_that_came_later_and_leaves_out_those_that_went() -> None:
    plain = PlainForm(Backup).of({'id': 7, 'client_id': 1, 'job_id': 2, 'plumbus': 'dinglebop'})
    assert plain == Backup(id=7, client_id=1, job_id=2).model_dump()
