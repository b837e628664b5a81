"""JSON answers that no file name can break: text that is not valid Unicode becomes readable at this edge."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import orjson
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from plumbus.model import Page


class Answer(JSONResponse):
    """Any mix of records, dataclasses, lists and plain values as JSON; times as ISO 8601 with offset."""

    def render(self, content: Any) -> bytes:
        """Given the content, return its JSON."""
        return to_json(content)


def to_json(content: Any) -> bytes:
    """Given any mix of records, dataclasses, lists and plain values, return its JSON."""
    try:
        return orjson.dumps(content, default=_plain)
    except TypeError:
        return orjson.dumps(_readable(content))


def listed(page: Page[Any]) -> Answer:
    """Given a slice of a list, return it as an array, with the length of the whole list in a header."""
    return Answer(list(page.items), headers={'X-Total-Count': str(page.total)})


def flat(record: BaseModel, **extra: Any) -> dict[str, Any]:
    """Given a record, return its fields and the extra ones."""
    return {**record.model_dump(), **extra}


def readable(text: str) -> str:
    """Given text that may hold halves of surrogate pairs (undecodable bytes of a file name), return valid text."""
    return text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    raise TypeError(f'{type(value).__name__} has no JSON form')


def _readable(value: Any) -> Any:
    match value:
        case str():
            return readable(value)
        case BaseModel():
            return _readable(value.model_dump())
        case Mapping():
            return {readable(str(name)): _readable(item) for name, item in value.items()}
        case list() | tuple():
            return [_readable(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _readable(asdict(value))
        case _:
            return value
