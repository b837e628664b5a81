"""What the API takes and gives, for its documentation. The engine checks the fields; here they are described."""

from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from plumbus.backup.explore import SnapshotFile
from plumbus.model import (
    Backup,
    Client,
    ClientFields,
    JobFields,
    JobView,
    NotificationFields,
    NotificationSettings,
    NotificationTarget,
    RemoteFile,
    Restore,
    RestoreRequest,
    Verification,
)
from plumbus.model.fields import AbsolutePath, Secret
from plumbus.services.backups import BackupFields
from plumbus.services.configuration import ExportFields
from plumbus.services.retaining import PruneFields
from plumbus.services.taking_in import ImportFields
from plumbus.services.tokens import Token, TokenFields
from plumbus.services.users import User, UserChanges, UserFields

REFERENCE = '#/components/schemas/{model}'


class Problem(BaseModel):
    """Every failure. `fields` says which are wrong and why (422); `cause` names the row of the table of causes (502)."""

    success: bool = False
    error: str
    fields: dict[str, str] | None = None
    cause: str | None = None


class Done(BaseModel):
    """It is done."""

    success: bool = True


class CreatedClient(Client):
    """The new client."""

    success: bool = True
    client_id: int


class CreatedJob(JobView):
    """The new job."""

    success: bool = True
    job_id: int


class CreatedTarget(NotificationTarget):
    """The target of messages."""

    success: bool = True
    notification_id: int


class CreatedToken(Token):
    """The new token. `token` is its text, shown this once."""

    success: bool = True
    token_id: int
    token: str


class CreatedUser(User):
    """The user as stored."""

    success: bool = True
    user_id: int


class StartedBackup(BaseModel):
    """The queued backup; with `wait` all fields of a backup besides."""

    success: bool = True
    backup_id: int
    status: str


class StartedRestore(BaseModel):
    """The queued restore; with `wait` all fields of a restore besides."""

    success: bool = True
    restore_id: int
    status: str
    notes: list[str]
    missing: list[str]
    damaged: list[str]


class StartedVerification(BaseModel):
    """The queued verification; with `wait` all fields of a verification besides."""

    success: bool = True
    verify_id: int
    status: str


class ChangedVerification(Verification):
    """The verification after the change."""

    success: bool = True


class ChangedBackup(Backup):
    """The backup after the change."""

    success: bool = True


class ChangedRestore(Restore):
    """The restore after the change."""

    success: bool = True


class BrowseRequest(BaseModel):
    """Which folder of a client to list."""

    path: AbsolutePath = '/'
    show_hidden: bool = True


class RemoteFolder(BaseModel):
    """A folder of a client: folders first, then by name."""

    success: bool = True
    path: str
    files: list[RemoteFile]


class TrustRequest(BaseModel):
    """The fingerprint that the user compared."""

    fingerprint: str = Field(max_length=200, examples=['SHA256:…'])


class InstallKeyRequest(BaseModel):
    """A password that is used once and not kept."""

    password: Secret


class SchedulePreviewRequest(BaseModel):
    """A cron expression and the time zone to read it in."""

    schedule: str = Field(max_length=200, examples=['0 2 * * *'])
    timezone: str | None = Field(None, max_length=100)


class KeptView(BaseModel):
    """A snapshot that stays, and why."""

    backup_id: int
    reasons: list[str] = Field(examples=[['last 1', 'daily 2026-11-23']])


class Pruned(BaseModel):
    """What stays, newest first, what goes, oldest first, and the bytes that only those hold which go."""

    success: bool = True
    keep: list[KeptView]
    remove: list[int]
    freed_bytes: int | None


class SnapshotFolder(BaseModel):
    """A folder of a snapshot, or what a search found below it."""

    success: bool = True
    backup_id: int
    path: str
    files: list[SnapshotFile]
    total_files: int


class StatsView(BaseModel, extra='allow'):
    """The numbers of the dashboard."""

    total_clients: int
    total_jobs: int
    enabled_jobs: int
    total_backups: int
    successful_backups: int
    failed_backups: int
    success_rate: float | None
    total_size_bytes: int
    total_size_gb: float
    protected_bytes: int
    disk_bytes: int
    disk_free_bytes: int
    disk_total_bytes: int
    disk_trend: list[dict[str, Any]]
    disk_forecast: str
    running: int
    queued: int
    overdue_jobs: int
    version: str


BODIES: tuple[type[BaseModel], ...] = (
    ClientFields, JobFields, RestoreRequest, BrowseRequest, TrustRequest, InstallKeyRequest, BackupFields, SchedulePreviewRequest,
    PruneFields, NotificationFields, NotificationSettings, TokenFields, UserFields, UserChanges, ExportFields, ImportFields,
)  # fmt: skip
# A PUT takes any subset of the fields, and the revision that the change started from.
SUBSETS = {
    'ClientChanges': 'ClientFields',
    'JobChanges': 'JobFields',
    'NotificationChanges': 'NotificationFields',
    'NotificationSettingsChanges': 'NotificationSettings',
}


def body(name: str, *, required: bool = True) -> dict[str, Any]:
    """Given the name of one of the bodies, return what describes it in a route."""
    content = {'application/json': {'schema': {'$ref': REFERENCE.format(model=name)}}}
    return {'requestBody': {'required': required, 'content': content}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Given the statuses of failures, return what describes them in a route."""
    return {status: {'model': Problem} for status in statuses}


def problems_of_stream(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for a route whose answers are no JSON, while its failures are."""
    content = {'application/json': {'schema': {'$ref': REFERENCE.format(model='Problem')}}}
    return {status: {'description': 'A failure.', 'content': content} for status in statuses}


class Api(FastAPI):
    """A FastAPI that describes the bodies which the engine checks."""

    def openapi(self) -> dict[str, Any]:
        """Return the description, made once."""
        if not self.openapi_schema:
            described = super().openapi()
            components = described.setdefault('components', {}).setdefault('schemas', {})
            for name, schema in _body_schemas().items():
                components.setdefault(name, schema)
        return self.openapi_schema or {}


def _body_schemas() -> dict[str, Any]:
    _, described = models_json_schema([(model, 'validation') for model in BODIES], ref_template=REFERENCE)
    schemas: dict[str, Any] = described['$defs']
    for name, source in SUBSETS.items():
        schemas[name] = deepcopy(schemas[source]) | {'title': name}
        schemas[name].pop('required', None)
        schemas[name]['properties']['revision'] = {'type': 'integer', 'title': 'Revision'}
    schemas['JobFields']['required'] = ['client_id', 'name']  # source_path may stand for source_paths
    for name in ('JobFields', 'JobChanges'):
        schemas[name]['properties']['source_path'] = {'type': 'string', 'title': 'Source Path'}
    return schemas
