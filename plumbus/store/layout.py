"""How tables lie in a file: as the JSON object that TinyDB makes of them, one document a line or spread out for people."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import orjson

Raws = dict[str, dict[int, bytes]]
Tables = dict[str, dict[str, Any]]
Changes = dict[str, dict[int, bytes | None]]
# Without the pass-through orjson would write a datetime as text, and what is read would differ from what was given.
STRICT = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
TABLE = re.compile(rb'"([a-z_]+)": \{\n')
ROW = re.compile(rb'"([0-9]+)": (\{.*\}),?\n')
END = re.compile(rb'\},?\n')
LINES_AT_ONCE = 2000


def encoded(document: Mapping[str, Any]) -> bytes:
    """Given a document, return its JSON text, without a space too many. Raise TypeError if JSON cannot hold it."""
    return orjson.dumps(document, option=STRICT)


def written(tables: Mapping[str, Mapping[int, bytes]], *, spread: bool) -> Iterator[bytes]:
    """Given tables, yield the file in pieces: one document a line, or each field on a line of its own (`spread`)."""
    before = b'{\n'
    for name, rows in tables.items():
        yield before + (b'  "%s": {\n' if spread else b'"%s": {\n') % name.encode()
        yield from _joined(rows, spread=spread)
        before = b'\n  },\n' if spread else b'\n},\n'
    yield (b'\n  }\n}\n' if spread else b'\n}\n}\n') if tables else b'{}\n'


def _joined(rows: Mapping[int, bytes], *, spread: bool) -> Iterator[bytes]:
    piece: list[bytes] = []
    for item_id, raw in rows.items():
        piece.append(_spread(item_id, raw) if spread else b'"%d": %s' % (item_id, raw))
        if len(piece) == LINES_AT_ONCE:
            yield b',\n'.join(piece)
            piece = [b'']
    yield b',\n'.join(piece)


def _spread(item_id: int, raw: bytes) -> bytes:
    # JSON text holds a newline only between its parts, never within them.
    text = orjson.dumps(orjson.loads(raw), option=orjson.OPT_INDENT_2)
    return b'    "%d": %s' % (item_id, text.replace(b'\n', b'\n    '))


def read(path: Path, *, by_line: bool = True) -> Raws:
    """Given a file, return its tables. Raise FileNotFoundError, OSError, ValueError saying what is wrong with it.

    What lies there one document a line is taken in `by_line`: the whole of a long history, read at once, would need several
    times its size. Whether each of these is JSON shows when it is decoded.
    """
    with path.open('rb') as file:
        tables = _by_line(file) if by_line else None
        if tables is None:
            file.seek(0)
            tables = _whole(file.read())
    return tables


def _by_line(lines: BinaryIO) -> Raws | None:
    """Return the tables, or None if this is not exactly what `written` writes."""
    tables: Raws = {}
    if next(lines, b'') != b'{\n':
        return None
    for line in lines:
        found = TABLE.fullmatch(line)
        if not found:
            return tables if line == b'}\n' and not next(lines, b'') else None
        if not _rows(lines, tables.setdefault(found[1].decode(), {})):
            return None
    return None


def _rows(lines: Iterable[bytes], rows: dict[int, bytes]) -> bool:
    """Take in the rows up to the end of the table. Return whether all was as it should be."""
    for line in lines:
        found = ROW.fullmatch(line)
        if not found:
            return END.fullmatch(line) is not None
        rows[int(found[1])] = found[2]
    return False


def _whole(data: bytes) -> Raws:
    try:
        tables = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ValueError(f'is damaged ({error})') from None
    if not _holds_tables(tables):
        raise ValueError('holds no tables')
    return in_text(tables)


def in_text(tables: Mapping[str, Mapping[str, Any]]) -> Raws:
    """Given tables of objects, return them with each document as JSON text. Raise ValueError for an id that is none."""
    return {
        name: {int(key): encoded(document) for key, document in table.items()}
        for name, table in tables.items()
    }


def in_objects(tables: Mapping[str, Mapping[int, bytes]]) -> Tables:
    """Given tables of JSON text, return them as objects, as a migration gets them."""
    return {
        name: {str(item_id): orjson.loads(raw) for item_id, raw in rows.items()}
        for name, rows in tables.items()
    }


def _holds_tables(tables: Any) -> bool:
    return isinstance(tables, dict) and all(
        isinstance(table, dict)
        and all(key.isdecimal() and isinstance(document, dict) for key, document in table.items())
        for table in tables.values()
    )
