"""A data folder as PLUMBUS 5.x leaves it: the same tables, and folders that rsync -avz filled as it did."""

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

SCHEMA = """
CREATE TABLE clients (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, host TEXT NOT NULL, port INTEGER DEFAULT 22,
    username TEXT NOT NULL, auth_method TEXT DEFAULT 'password', password TEXT, key_path TEXT, use_sudo INTEGER DEFAULT 0,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, client_id INTEGER NOT NULL, name TEXT NOT NULL,
    source_path TEXT NOT NULL, schedule TEXT, enabled INTEGER DEFAULT 1, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, last_run TIMESTAMP);
CREATE TABLE backups (id INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER NOT NULL, status TEXT NOT NULL,
    start_time TIMESTAMP NOT NULL, end_time TIMESTAMP, size_bytes INTEGER, file_count INTEGER, error_message TEXT,
    backup_path TEXT);
"""
CONTAINER = Path('/data')  # where its folder was for the one that wrote the paths down


class Version5Folder:
    """Ids can be chosen: its sequences have gaps, as after deletions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / 'db').mkdir(parents=True)
        (folder / 'backups').mkdir()
        self.database = folder / 'db' / 'plumbus.db'
        with closing(sqlite3.connect(self.database)) as connection:
            connection.executescript(SCHEMA)

    def add(self, table: str, **values: object) -> int:
        """Insert a row and return its id."""
        names, marks = ', '.join(values), ', '.join('?' * len(values))
        with closing(sqlite3.connect(self.database)) as connection, connection:
            done = connection.execute(
                f'INSERT INTO {table} ({names}) VALUES ({marks})', list(values.values())
            )
            return int(done.lastrowid or 0)

    def back_up(self, job: int, client: int, name: str, source: str, start: str, **values: object) -> Path:
        """What it did for a job: a full copy in a folder of its own, and a record. Return the folder."""
        inside = Path('backups') / str(client) / f'{name}_{re.sub("[-:]", "", start).replace("T", "_")}'
        target = self.folder / inside
        target.mkdir(parents=True)
        subprocess.run(['rsync', '-a', '--delete', source, str(target)], check=True, timeout=60)
        given = {
            'status': 'completed',
            'end_time': f'{start[:-2]}59',
            'size_bytes': 1,
            'file_count': 1,
        }
        self.add(
            'backups',
            job_id=job,
            start_time=start,
            backup_path=str(CONTAINER / inside),
            **{**given, **values},
        )
        return target

    def lose(self, folder: Path) -> None:
        """Somebody deleted it by hand."""
        shutil.rmtree(folder)
