"""What to back up from one client, when, and how long to keep it."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from plumbus.model.fields import AbsolutePath, Command, ExcludePattern, Id, Name, PingUrl, Timezone, Whole
from plumbus.model.hours import QuietAction, QuietText
from plumbus.model.record import Record

Count = Annotated[Whole, Field(ge=0, le=100_000)]


class Retention(BaseModel):
    """How many snapshots to keep of each kind. All 0: keep everything."""

    keep_last: Count = 0
    keep_hourly: Count = 0
    keep_daily: Count = 0
    keep_weekly: Count = 0
    keep_monthly: Count = 0
    keep_yearly: Count = 0

    @model_validator(mode='before')
    @classmethod
    def _null_is_zero(cls, fields: Any) -> Any:
        return {k: 0 if v is None else v for k, v in fields.items()} if isinstance(fields, dict) else fields


class JobFields(BaseModel):
    """What a user sets on a job. `source_path` alone is accepted for `source_paths`; `schedule` null is manual.

    `ping_url` goes into the vault and never comes out; left out or null, the stored one stays; empty, it is forgotten.
    `quiet_hours`, like 22:00-06:00, are those in which nothing planned begins; `quiet_action` is what becomes of a planned run
    that goes on. `overdue_grace_minutes` after its run should have begun a job without a good backup is overdue; null is the
    setting's number. `retry_window_minutes`: so long a planned run waits for a client that is not there; null is the setting's number.
    """

    client_id: Id
    name: Name
    source_paths: Annotated[list[AbsolutePath], Field(min_length=1, max_length=1000)]
    excludes: Annotated[list[ExcludePattern], Field(max_length=1000)] = []
    schedule: Annotated[str, Field(max_length=200)] | None = None
    timezone: Timezone | None = None
    enabled: bool = True
    retention: Retention = Retention()
    bandwidth_limit_kib: Annotated[Whole, Field(ge=0, le=100_000_000)] = 0
    compress: bool = False
    one_file_system: bool = False
    timeout_minutes: Annotated[Whole, Field(ge=0, le=525_600)] = 0
    retries: Annotated[Whole, Field(ge=0, le=100)] = 2
    retry_delay_s: Annotated[Whole, Field(ge=0, le=86_400)] = 60
    retry_window_minutes: Annotated[Whole, Field(ge=0, le=20_160)] | None = None
    catch_up: bool = True
    overdue_grace_minutes: Annotated[int, Field(ge=0, le=525_600)] | None = None
    quiet_hours: QuietText | None = None
    quiet_action: QuietAction = 'continue'
    quiet_limit_kib: Annotated[Whole, Field(ge=0, le=100_000_000)] = 0
    shrink_warning_percent: Annotated[Whole, Field(ge=0, le=100)] = 50
    pre_command: Command | None = None
    post_command: Command | None = None
    ping_url: PingUrl | None = None

    @model_validator(mode='before')
    @classmethod
    def _one_source_path(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get('source_path') and not fields.get('source_paths'):
            return {**fields, 'source_paths': [fields['source_path']]}
        return fields


class Job(Record):
    """A stored job, checked when it was written. `planned_since`: nothing of its schedule was missed before.
    `ping_shown`: where its ping URL leads, if it has one, without the secret."""

    client_id: int
    name: str
    source_paths: list[str]
    excludes: list[str] = []
    schedule: str | None = None
    timezone: str | None = None
    enabled: bool = True
    retention: Retention = Retention()
    bandwidth_limit_kib: int = 0
    compress: bool = False
    one_file_system: bool = False
    timeout_minutes: int = 0
    retries: int = 2
    retry_delay_s: int = 60
    retry_window_minutes: int | None = None
    catch_up: bool = True
    overdue_grace_minutes: int | None = None
    quiet_hours: str | None = None
    quiet_action: QuietAction = 'continue'
    quiet_limit_kib: int = 0
    shrink_warning_percent: int = 50
    pre_command: str | None = None
    post_command: str | None = None
    planned_since: AwareDatetime | None = None
    ping_shown: str | None = None


class JobView(Job):
    """A job with what follows from its client, schedule and history; `source_path` is the first of `source_paths`.

    `last_run`, `last_status` and `last_backup_id` tell of its newest backup, be it one that waits, goes on or failed; `last_good_run`
    is when the newest one began that completed, with warnings or without. `overdue`: it has had no good backup for longer than its schedule and its grace allow, `overdue_since` then.
    """

    client_name: str = ''
    host: str = ''
    username: str = ''
    source_path: str = ''
    next_run: AwareDatetime | None = None
    last_run: AwareDatetime | None = None
    last_status: str | None = None
    last_backup_id: int | None = None
    last_good_run: AwareDatetime | None = None
    schedule_text: str = ''
    overdue: bool = False
    overdue_since: AwareDatetime | None = None
