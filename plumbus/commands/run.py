"""`run`: starts a job on the running server and shows how it goes."""

import shutil
import sys
import time
from argparse import ArgumentParser, Namespace
from typing import Any, TextIO

import humanize

from plumbus.backup.guards import size
from plumbus.commands.command import DONE, NOT_DONE, Command, add_json, say, show_json
from plumbus.commands.server import Server, running_server
from plumbus.config import Settings

DESCRIPTION = """\
Start a job on the running server and wait until its backup has ended, with its progress
on a terminal. Ctrl+C stops the waiting, not the backup.

The exit code is 0 for completed, 3 for a snapshot with warnings, 1 for anything else.
"""
WITH_WARNINGS = 3
CODES = {'completed': DONE, 'warning': WITH_WARNINGS}
LOOK_S = 0.5
BAR = 24


def add_arguments(parser: ArgumentParser) -> None:
    """Given the parser of this command, add what it takes."""
    parser.add_argument(
        'job_id', type=int, metavar='JOB_ID', help='the number in the address of the page of a job'
    )
    parser.add_argument(
        '--no-wait', action='store_true', help='start it, print the id of its backup, and leave'
    )
    add_json(parser)


def run(settings: Settings, options: Namespace) -> int:
    """Given the settings and arguments, run the job and return the exit code."""
    with running_server(settings) as server:
        backup_id = server.call('POST', f'/jobs/{options.job_id}/run')['backup_id']
        if options.no_wait:
            show_json({'success': True, 'backup_id': backup_id}) if options.json else say(str(backup_id))
            return DONE
        backup = _followed(server, backup_id, sys.stderr if sys.stderr.isatty() else None)
    if options.json:
        show_json(backup)
    else:
        say(*_result(backup))
    return CODES.get(backup['status'], NOT_DONE)


def _followed(server: Server, backup_id: int, terminal: TextIO | None) -> dict[str, Any]:
    width = 0
    while True:
        backup: dict[str, Any] = server.call('GET', f'/backups/{backup_id}')
        ended = backup['status'] not in {'queued', 'running'}
        if terminal:
            # A line that the terminal breaks could not be written over.
            line = '' if ended else line_of(backup)[: shutil.get_terminal_size().columns - 1]
            terminal.write(f'\r{line.ljust(width)}' + ('\r' if ended else ''))
            terminal.flush()
            width = len(line)
        if ended:
            return backup
        time.sleep(LOOK_S)


def line_of(backup: dict[str, Any]) -> str:
    """Given a backup that has not ended, return one line on how far it is."""
    progress = backup.get('progress') or {}
    if backup['status'] == 'queued' or not progress:
        return f'backup {backup["id"]}: {backup.get("queued_reason") or "queued"}'
    percent, seconds = progress.get('percent'), progress.get('eta_s')
    if percent is None:
        return f'backup {backup["id"]}: {progress["phase"]}, {progress["files"]:,} files'
    full = int(BAR * min(percent, 100) / 100)
    left = f', {humanize.precisedelta(int(seconds), format="%d")} left' if seconds else ''
    bar = '#' * full + '-' * (BAR - full)
    done = f'{size(progress["bytes"])} of {size(progress["bytes_total"])}'
    return f'[{bar}] {percent:3.0f} %  {done}, {size(int(progress["rate_bps"]))}/s{left}{_which(progress)}'


def _which(progress: dict[str, Any]) -> str:
    """Of several files how many are there, of one alone its name."""
    if progress['files_total'] == 1:
        return f', {progress["current_file"]}' if progress['current_file'] else ''
    return f', {progress["files"]:,} of {progress["files_total"]:,} files' if progress['files_total'] else ''


def _result(backup: dict[str, Any]) -> list[str]:
    seconds = backup.get('duration_s') or 0
    figures = f'{backup["file_count"]:,} files, {size(backup["size_bytes"])}, {size(backup["transferred_bytes"])} transferred'
    lines = [
        f'backup {backup["id"]} of {backup["job_name"]}: {backup["status"]} after {humanize.precisedelta(int(seconds), format="%d")}'
    ]
    lines += [figures] if backup['status'] in CODES else []
    return [*lines, *filter(None, [backup.get('error_message')]), *backup.get('warnings', [])]


COMMAND = Command(
    name='run',
    summary='start a job on the running server and wait for its end',
    description=DESCRIPTION,
    run=run,
    add_arguments=add_arguments,
)
