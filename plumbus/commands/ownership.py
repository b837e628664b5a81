"""Whose the data folder is: files that another user writes into it could not be read by the server any more."""

import os
import pwd
from pathlib import Path

from plumbus.errors import PlumbusError

OURS = ('db', 'keys')


def name_of(uid: int) -> str:
    """Given a user id, return its name, or the number if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def require_own(data_dir: Path) -> None:
    """Given the data folder, raise PlumbusError if the server that writes into it runs as another user."""
    written = next((data_dir / name for name in OURS if (data_dir / name).is_dir()), None)
    if written is None or written.stat().st_uid == os.geteuid():
        return
    owner, me = name_of(written.stat().st_uid), name_of(os.geteuid())
    raise PlumbusError(
        f'The folder {written} belongs to {owner}, and this is {me}: what {me} writes there PLUMBUS could not read.',
        f'Run it as {owner}, as in: sudo -u {owner} python main.py … If PLUMBUS shall run as {me} from now on: '
        f'{how_to_give(data_dir, me)}',
    )


def how_to_give(data_dir: Path, user: str) -> str:
    """Given the data folder and a user's name, return the command that gives it to him and leaves the snapshots as they are."""
    return f'cd {data_dir} && chown -R {user} db keys logs; chown {user} . backups backups/* backups/*/*'
