"""Who is told of what: targets of messages, the messages on their way, and how often to repeat one."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints, field_validator

from plumbus.model.fields import Id, Name, printable
from plumbus.model.record import Record

EventKind = Literal[
    'failed', 'warning', 'overdue', 'recovered', 'disk_low', 'host_key_changed', 'verify_damaged', 'weekly_report'
]  # fmt: skip
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
TargetUrl = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=4000), AfterValidator(printable)
]
JobIds = Annotated[list[Id], Field(max_length=10_000)]


class NotificationFields(BaseModel):
    """What a user sets on a target. `url` is any that Apprise knows; it goes into the vault and never comes out.

    `job_ids` null: messages of all jobs. What concerns no job, like the disk, comes in any case.
    """

    name: Name
    url: TargetUrl | None = None
    kinds: Annotated[list[EventKind], Field(max_length=len(EVENT_KINDS))] = list(EVENT_KINDS)
    job_ids: JobIds | None = None
    enabled: bool = True

    @field_validator('kinds')
    @classmethod
    def _each_once(cls, kinds: list[EventKind]) -> list[EventKind]:
        return [kind for kind in EVENT_KINDS if kind in kinds]


class NotificationTarget(Record):
    """A stored target. `service` and `url_shown` tell what kind of URL it is, and none of its secrets."""

    name: str
    service: str = ''
    url_shown: str = ''
    kinds: list[EventKind] = list(EVENT_KINDS)
    job_ids: list[int] | None = None
    enabled: bool = True


class Delivery(Record):
    """One message to one target. `kind` is the event's, or 'test', or 'ping' for the URL of a job.

    `error` says why the last attempt failed; while the status is 'waiting' another one follows at `next_try`.
    """

    target_id: int | None = None
    target_name: str
    job_id: int | None = None
    kind: str
    title: str
    body: str = ''
    status: Literal['waiting', 'delivered', 'failed'] = 'waiting'
    attempts: int = 0
    error: str | None = None
    next_try: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


class DeliveryTest(BaseModel):
    """What became of a test message."""

    success: bool
    message: str
    error: str | None = None


class NotificationSettings(BaseModel):
    """How messages repeat. `reminder_hours` 0: never again. `report_weekday`: 0 is Monday."""

    reminder_hours: Annotated[int, Field(ge=0, le=10_000)] = 24
    disk_low_percent: Annotated[int, Field(ge=0, le=90)] = 10
    report_weekday: Annotated[int, Field(ge=0, le=6)] = 0
    report_hour: Annotated[int, Field(ge=0, le=23)] = 8


class NotificationSettingsView(NotificationSettings):
    """As stored; `revision` counts the changes of users."""

    revision: int = 1
