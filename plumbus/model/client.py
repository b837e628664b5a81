"""A machine to back up, and what a connection to it tells."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from plumbus.model.fields import AbsolutePath, Fingerprint, Host, Id, Name, Port, Secret, Username
from plumbus.model.record import Record

AuthMethod = Literal['key', 'password']
Places = Annotated[int, Field(ge=1, le=100)]


class ClientFields(BaseModel):
    """What a user sets on a client. `password` and `private_key` go into the vault and never come out; left out or null, the
    stored ones stay, unless `forget_secrets` lets go of both first. `max_parallel`: how many backups of it run at once;
    null is the setting's number."""

    name: Name
    host: Host
    port: Port = 22
    username: Username
    auth_method: AuthMethod = 'key'
    password: Secret | None = None
    private_key: Secret | None = None
    forget_secrets: bool = False
    key_path: AbsolutePath | None = None
    use_sudo: bool = False
    jump_client_id: Id | None = None
    max_parallel: Places | None = None


class Client(Record):
    """A stored client. What the last good connection showed: `login_uid` and `login_gids` are what `id` said;
    `restricted` tells a key that may run rsync and nothing else (a forced command). `lost_secrets` names what was stored with
    another secret key and must be entered again."""

    name: str
    host: str
    port: int = 22
    username: str
    auth_method: AuthMethod = 'key'
    key_path: str | None = None
    use_sudo: bool = False
    jump_client_id: int | None = None
    max_parallel: int | None = None
    host_key: Fingerprint | None = None
    has_password: bool = False
    has_private_key: bool = False
    lost_secrets: list[str] = []
    login_uid: int | None = None
    login_gids: list[int] = []
    restricted: bool = False


class HostKey(BaseModel):
    """The key a machine showed, compared with the pinned one."""

    fingerprint: str
    status: Literal['new', 'trusted', 'changed']


class ConnectionTest(BaseModel):
    """What a connection test found. `error` is set when `success` is false; the sudo fields when use_sudo is on."""

    success: bool
    message: str
    error: str | None = None
    remedy: str | None = None
    cause: str | None = None
    system_info: str | None = None
    rsync_version: str | None = None
    latency_ms: float | None = None
    host_key: HostKey | None = None
    sudo_available: bool | None = None
    sudo_message: str | None = None
    sudo_details: str | None = None


class RemoteFile(BaseModel):
    """One entry of a folder on a client. `permissions` is octal ("755"), `mode` as ls shows it ("drwxr-xr-x")."""

    name: str
    path: str
    size: int
    modified: str
    is_dir: bool
    is_link: bool
    permissions: str
    mode: str
    readable: bool
