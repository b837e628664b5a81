"""What PLUMBUS says of itself: to stderr and to logs/plumbus.log, which is rotated. Every entry is one line."""

import logging
import logging.handlers
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import orjson

from plumbus.store.disk import make_private_folder, plain_errors

LogFormat = Literal['text', 'json']
LogLevel = Literal['debug', 'info', 'warning', 'error']
TEXT = '%(asctime)s %(levelname)s %(name)s: %(message)s'
LOG_BYTES, LOG_FILES = 5_000_000, 5
# These tell the addresses they call, which may hold passwords and tokens.
TALKATIVE = ('httpx', 'httpcore', 'urllib3', 'requests')


def set_up_logging(data_dir: Path, form: LogFormat = 'text', level: LogLevel = 'info') -> None:
    """Given the data folder, how entries look and from which level on ours are kept, log from now on.

    Raise StoreError if the log cannot be written.
    """
    with plain_errors('logs/'):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private_folder(data_dir / 'logs')
        kept = logging.handlers.RotatingFileHandler(
            data_dir / 'logs' / 'plumbus.log', maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding='utf-8', errors='replace'
        )  # fmt: skip
    handlers: list[logging.Handler] = [logging.StreamHandler(), kept]
    for handler in handlers:
        handler.setFormatter(JsonLines() if form == 'json' else TextLines(TEXT))
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(number, logging.INFO), handlers=handlers, force=True)
    logging.getLogger('plumbus').setLevel(number)
    logging.captureWarnings(capture=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Failed connections are told in plain words where they happen; here they would be stack traces.
    logging.getLogger('paramiko').setLevel(logging.CRITICAL)


class TextLines(logging.Formatter):
    """For people. What would break the line is written as `\\n`, so nobody can forge an entry; a stack trace too."""

    def format(self, record: logging.LogRecord) -> str:
        """Given an entry, return its line."""
        return _on_one_line(super().format(record))


class JsonLines(logging.Formatter):
    """For programs: an object a line, with time (UTC), level, logger, thread, message, and `error` if there is a stack trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Given an entry, return its line."""
        entry = {
            'time': datetime.fromtimestamp(record.created, UTC),
            'level': record.levelname.lower(),
            'logger': record.name,
            'thread': record.threadName,
            'message': _valid(record.getMessage()),
        }
        if record.exc_info:
            entry['error'] = _valid(self.formatException(record.exc_info))
        return orjson.dumps(entry).decode()


def _on_one_line(text: str) -> str:
    if text.isprintable():
        return text
    return ''.join(map(_plain, _valid(text).replace('\\', '\\\\')))


def _plain(char: str) -> str:
    """Not only line ends: other letters of control move the cursor of a terminal, or turn the direction of writing."""
    return char if char.isprintable() else char.encode('unicode_escape').decode()


def _valid(text: str) -> str:
    return text.encode('utf-8', 'replace').decode()
