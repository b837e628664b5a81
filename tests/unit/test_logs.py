"""Nobody writes lines into the log but PLUMBUS."""

import io
import logging
import re

import pytest

from plumbus.store.program_log import TEXT, TextLines

FORGED = '2026-11-23 00:00:00,000 CRITICAL plumbus: forged'
LINE = re.compile(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ [\w.]+: .*')


@pytest.fixture
def written() -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextLines(TEXT))
    log = logging.Logger('plumbus.test')  # noqa: LOG001 -- nobody else listens to it
    log.addHandler(handler)
    return log, stream


@pytest.mark.parametrize(
    'end', ['\n', '\r', '\r\n', '\x0b', '\x0c', '\x85', '\u2028', '\x1b[2K\x1b[1G', '\0', '\u202e']
)
def test_a_message_is_one_line(written: tuple[logging.Logger, io.StringIO], end: str) -> None:
    log, stream = written
    log.warning('The machine said %s', f'hello{end}{FORGED}')
    [line] = stream.getvalue().splitlines()
    assert LINE.fullmatch(line)
    assert line.endswith(FORGED)
    assert all(char.isprintable() for char in line)


def test_a_stack_trace_forges_none_either(written: tuple[logging.Logger, io.StringIO]) -> None:
    log, stream = written
    try:
        raise ValueError(f'x\n{FORGED}\r{FORGED}')
    except ValueError:
        log.exception('It failed')
    [line] = stream.getvalue().splitlines()
    assert LINE.fullmatch(line)
    assert 'ValueError: x' in line


def test_other_letters_stay_as_they_are(written: tuple[logging.Logger, io.StringIO]) -> None:
    log, stream = written
    log.info('Sicherung „Dachboden“ · 你好 \ud800')
    assert 'Sicherung „Dachboden“ · 你好 ?' in stream.getvalue()
