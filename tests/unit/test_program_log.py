"""plumbus.log: a line an entry, for people or for programs, and nothing of what libraries would tell of addresses."""

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from plumbus.store import program_log
from plumbus.store.program_log import set_up_logging

SECRET = 'a-token-that-nobody-may-see'


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Other tests log as they did."""
    root, ours = logging.getLogger(), logging.getLogger('plumbus')
    handlers, levels = list(root.handlers), (root.level, ours.level)
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    logging.captureWarnings(capture=False)


def lines(folder: Path) -> list[str]:
    return (folder / 'logs' / 'plumbus.log').read_text().splitlines()


def fail(log: logging.Logger) -> None:
    try:
        raise ValueError('two\nlines')
    except ValueError:
        log.exception('It broke with a name like a\r\n2026 INFO forged')


def test_an_entry_is_one_line_whatever_it_holds(tmp_path: Path) -> None:
    set_up_logging(tmp_path)
    log = logging.getLogger('plumbus.test')
    log.info('plain \\ text')
    fail(log)
    log.info('half of a pair: \ud800')
    first, second, third = lines(tmp_path)
    assert first.endswith('INFO plumbus.test: plain \\ text')
    assert 'a\\r\\n2026 INFO forged\\nTraceback' in second
    assert third.endswith('half of a pair: ?')


def test_as_json_each_line_is_an_object(tmp_path: Path) -> None:
    set_up_logging(tmp_path, 'json')
    log = logging.getLogger('plumbus.test')
    log.warning('Job %d is late: %s', 3, 'half of a pair \ud800')
    fail(log)
    first, second = map(orjson.loads, lines(tmp_path))
    assert first['message'] == 'Job 3 is late: half of a pair ?'
    assert (first['level'], first['logger'], first['thread']) == ('warning', 'plumbus.test', 'MainThread')
    assert first['time'].endswith('+00:00')
    assert 'ValueError: two\nlines' in second['error']


@pytest.mark.parametrize(
    ('level', 'told'), [('debug', 3), ('info', 2), ('warning', 1), ('error', 0)]
)  # fmt: skip
def test_a_level_says_what_is_kept(tmp_path: Path, level: program_log.LogLevel, told: int) -> None:
    set_up_logging(tmp_path, level=level)
    log = logging.getLogger('plumbus.test')
    log.debug('debug')
    log.info('info')
    log.warning('warning')
    logging.getLogger('a.library').debug('not ours')
    assert len(lines(tmp_path)) == told


def test_what_is_called_elsewhere_is_not_told(tmp_path: Path) -> None:
    set_up_logging(tmp_path, level='debug')
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    httpx.Client(transport=transport).get(f'https://hc-ping.com/{SECRET}')
    logging.getLogger('urllib3.connectionpool').debug('GET /%s', SECRET)
    assert not any(SECRET in line for line in lines(tmp_path))


def test_it_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_log, 'LOG_BYTES', 1000)
    set_up_logging(tmp_path)
    for _ in range(100):
        logging.getLogger('plumbus').info('a line of some length, so that it does not take too many of them')
    files = sorted(path.name for path in (tmp_path / 'logs').iterdir())
    assert files == ['plumbus.log', *(f'plumbus.log.{number}' for number in range(1, 6))]
    assert all(path.stat().st_size <= 1000 for path in (tmp_path / 'logs').iterdir())
