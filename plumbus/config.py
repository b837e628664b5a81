"""The settings: one table of name, type, default and meaning, read from the environment and `.env`."""

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from platformdirs import user_data_path
from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    HttpUrl,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from plumbus.model.fields import Network, Timezone
from plumbus.model.hours import QuietAction, QuietText


def default_data_dir() -> Path:
    """Return the platform's user data folder for PLUMBUS, not created."""
    return user_data_path('plumbus', appauthor=False)


def _content(path: str | Path | SecretStr) -> SecretStr:
    """Given the path of a file, return what its first line holds, as orchestrators hand out secrets."""
    if isinstance(path, SecretStr):
        return path
    try:
        lines = Path(path).read_text(encoding='utf-8').splitlines()
    except (OSError, ValueError) as error:
        raise ValueError(
            f'names a file that cannot be read: {getattr(error, "strerror", None) or error}'
        ) from None
    if not lines or not lines[0].strip():
        raise ValueError('names a file that is empty')
    return SecretStr(lines[0].strip())


SECRETS = ('admin_password', 'api_token', 'secret_key')
SecretFile = Annotated[SecretStr, BeforeValidator(_content)]


class Settings(BaseSettings):
    """What can be set from outside. Raise pydantic.ValidationError naming the setting that is wrong."""

    model_config = SettingsConfigDict(
        env_prefix='PLUMBUS_', env_file='.env', env_ignore_empty=True, extra='ignore', populate_by_name=True
    )

    data_dir: Path = Field(
        default_factory=default_data_dir,
        validation_alias=AliasChoices('PLUMBUS_DATA_DIR', 'DATA_DIR'),
        description='Everything PLUMBUS keeps.',
    )
    host: str = Field('127.0.0.1', description='Listen address.')
    public_url: HttpUrl | None = Field(
        None, description='Where browsers reach PLUMBUS; for links in messages.'
    )
    metrics_open: bool = Field(False, description='Whether /metrics answers without a token.')
    log_format: Literal['text', 'json'] = Field('text', description='How lines of the log look.')
    log_level: Literal['debug', 'info', 'warning', 'error'] = Field(
        'info', description='From which level on it is logged.'
    )
    port: int = Field(5000, ge=0, le=65535, description='Listen port.')
    admin_password: SecretStr | None = Field(None, description='Creates the user admin at the first start.')
    api_token: SecretStr | None = Field(
        None, description='A bearer token accepted besides those made in Settings.'
    )
    session_days: float = Field(
        30, gt=0, le=3650, description='Days after which a login ends, however much it is used.'
    )
    session_idle_hours: float = Field(
        168, gt=0, le=87_600, description='Hours without use after which a login ends.'
    )
    secret_key: SecretStr | None = Field(None, description='Encrypts stored passwords and private keys.')
    tls_cert: Path | None = Field(None, description='Certificate chain (PEM); serves https with it.')
    tls_key: Path | None = Field(None, description='Private key of that certificate (PEM).')
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), description='Addresses and networks of proxies whose X-Forwarded-* headers are believed.'
    )
    admin_password_file: SecretFile | None = Field(
        None, description='A file that holds the password of admin.'
    )
    api_token_file: SecretFile | None = Field(None, description='A file that holds the token.')
    secret_key_file: SecretFile | None = Field(None, description='A file that holds the key.')
    max_parallel: int = Field(3, ge=1, le=100, description='Backups and restores running at once.')
    client_parallel: int = Field(
        2,
        ge=1,
        le=100,
        description='Backups of one client running at once, unless the client says otherwise.',
    )
    retry_window_minutes: int = Field(
        240,
        ge=0,
        le=20_160,
        description='Minutes for which planned runs wait for a client that is not there, unless the job says otherwise.',
    )
    overdue_grace_minutes: int = Field(
        60,
        ge=0,
        le=525_600,
        description='A job without a good backup is overdue so many minutes after its run should have begun.',
    )
    quiet_hours: QuietText | None = Field(
        None, description='Hours of the day in which nothing planned begins, like 22:00-06:00.'
    )
    quiet_action: QuietAction = Field(
        'continue', description='What becomes of planned backups that run then: continue, pause or limit.'
    )
    quiet_limit_kib: int = Field(
        0, ge=0, le=100_000_000, description='KiB per second that go with the action limit.'
    )
    disk_reserve_percent: float = Field(
        2, ge=0, le=90, description='Share of the disk that backups leave free.'
    )
    verify_share: float = Field(
        5,
        ge=0,
        le=100,
        description='Percent of what snapshots take on disk that is read again and compared each night.',
    )
    verify_hour: int = Field(4, ge=0, le=23, description='Hour of the day at which that begins.')
    history_days: int = Field(
        400, ge=1, le=100_000, description='Days for which records are kept that have no snapshot (any more).'
    )
    history_count: int = Field(
        10_000, ge=1, le=10_000_000, description='How many of those are kept at the most.'
    )
    restore_base: Annotated[Path, AfterValidator(Path.absolute)] | None = Field(
        None, description='Folder of the server below which files may be restored to it.'
    )
    timezone: Timezone | None = Field(
        None, validation_alias='TZ', description="Time zone of cron expressions; the system's without it."
    )

    @field_validator('trusted_proxies', mode='before')
    @classmethod
    def _listed(cls, given: object) -> object:
        return given.replace(',', ' ').split() if isinstance(given, str) else given

    @field_validator(*(f'{name}_file' for name in SECRETS))
    @classmethod
    def _not_both(cls, content: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        beside = str(info.field_name).removesuffix('_file')
        if content is not None and info.data.get(beside) is not None:
            raise ValueError(f'is set, and {beside} too: leave one of them out')
        return content

    @model_validator(mode='after')
    def _limit_needs_a_number(self) -> Self:
        if self.quiet_hours and self.quiet_action == 'limit' and not self.quiet_limit_kib:
            raise ValueError('quiet_limit_kib is needed for the quiet_action limit')
        return self

    @model_validator(mode='after')
    def _from_files(self) -> Self:
        for name in SECRETS:
            setattr(self, name, getattr(self, name) or getattr(self, f'{name}_file'))
        return self

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone in which schedules are read that name none."""
        return ZoneInfo(self.timezone or _system_timezone())


def _system_timezone() -> str:
    # /etc/localtime is a link into the zoneinfo tree on every distribution with systemd or tzdata (tzset(3)).
    target = os.path.realpath('/etc/localtime')
    return target.partition('/zoneinfo/')[2] or 'UTC'
