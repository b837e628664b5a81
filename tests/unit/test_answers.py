"""JSON of whatever the engine hands out."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from plumbus.api.answers import readable, to_json
from plumbus.model import Client, Status


@dataclass(frozen=True, slots=True)
class File:
    name: str
    modified: datetime


def test_times_carry_their_offset() -> None:
    times = [
        datetime(2026, 11, 23, 2, tzinfo=UTC),
        datetime(2026, 11, 23, 2, tzinfo=timezone(timedelta(hours=9))),
    ]
    assert json.loads(to_json(times)) == ['2026-11-23T02:00:00+00:00', '2026-11-23T02:00:00+09:00']


def test_records_and_dataclasses_may_lie_in_anything() -> None:
    content = {
        'clients': [Client(name='Pi', host='pi', username='pi')],
        'status': Status.QUEUED,
        'rate': float('nan'),
    }
    told = json.loads(to_json(content))
    assert (told['clients'][0]['name'], told['status'], told['rate']) == ('Pi', 'queued', None)


@pytest.mark.parametrize('bad', ['caf\udce9', '\ud800', 'a\udfffb', '\udce9' * 3])
def test_names_that_are_no_text_break_nothing(bad: str) -> None:
    now = datetime(2026, 11, 23, 2, tzinfo=UTC)
    content = {
        bad: [bad],
        'file': File(bad, now),
        'client': Client.model_construct(name=bad),
        'more': (bad, 1, None),
    }
    told = json.loads(to_json(content))
    good = readable(bad)
    assert '\ufffd' in good
    assert told[good] == [good]
    assert told['file'] == {'name': good, 'modified': '2026-11-23T02:00:00+00:00'}
    assert told['client']['name'] == good
    assert told['more'] == [good, 1, None]


def test_readable_text_stays_as_it_is() -> None:
    text = 'Grüße 🎉 \x00 \n'
    assert readable(text) == text


def test_what_has_no_json_form_is_a_bug() -> None:
    with pytest.raises(TypeError):
        to_json({'x': object()})
