"""What every stored thing has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

Item = TypeVar('Item')


class Record(BaseModel):
    """A stored document. `id` 0 means not stored yet; `revision` counts the edits of a user."""

    model_config = ConfigDict(extra='ignore')

    id: int = 0
    revision: int = 1
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A slice of a longer list, and how many there are in all."""

    items: Sequence[Item]
    total: int
