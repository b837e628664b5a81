"""Records as the fields that JSON is made of, straight from the database: lists of many are not checked again at each reading."""

from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime, BaseModel

UTC_SIGN, UTC_OFFSET = 'Z', '+00:00'


class PlainForm:
    """Given what is stored, `of` turns what lies in the database into what a record read from there has."""

    def __init__(self, model: type[BaseModel]) -> None:
        fields = model.model_fields
        self._defaults = {
            name: None if field.is_required() else field.get_default(call_default_factory=True)
            for name, field in fields.items()
        }
        self._times = tuple(name for name, field in fields.items() if _is_time(field.annotation))

    def of(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Given a record as it lies in the database, return each of its fields; times as text with an offset."""
        plain = {**self._defaults, **raw}
        if len(plain) > len(self._defaults):
            plain = {name: plain[name] for name in self._defaults}
        for name in self._times:
            time = plain[name]
            if time and time[-1:] == UTC_SIGN:
                plain[name] = time[:-1] + UTC_OFFSET
        return plain


def _is_time(annotation: object) -> bool:
    return annotation in {AwareDatetime, AwareDatetime | None}
