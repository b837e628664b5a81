"""Runs of rsync that stay on the client: what a restore takes the place of is copied aside there, and back again.

Also removes single paths over there, and reads and sets the times of folders. All of it works with an rsync that sudo starts.
"""

import os
import shlex
from pathlib import Path

from plumbus.transfer.items import OUT_FORMAT
from plumbus.transfer.rsync import MARK, Options
from plumbus.transfer.words import shell_word

COPY = (
    'umask 077; d=$(printf "%b." "$1"); d=${{d%.}}; exec {program} -aHS --numeric-ids --modify-window=-1 --no-human-readable '
    '--outbuf=L --info=progress2,stats2 "--out-format={format}" {flags} --from0 --files-from=- -- {way}'
)
# Says where a folder can be made: "here", or else in which home.
PLACE = 'd=$(printf "%b." "$1"); d=${d%.}; if [ -d "$d" ] && [ -w "$d" ]; then echo here; else printf "%s" "$HOME"; fi'


def keep_command(options: Options, folder: bytes) -> str:
    """Given a folder over there, return the command that copies into it what lies at the absolute paths fed to its stdin."""
    return _command(options, COPY, folder, way='/ "$d/"')


def bring_back_command(options: Options, folder: bytes) -> str:
    """Given that folder, return the command that puts what lies in it at the paths fed to its stdin back to these."""
    return _command(options, COPY, folder, way='"$d/" /', flags='--no-implied-dirs')


def place_command(folder: bytes) -> str:
    """Given a folder over there, return the command that tells whether something can be made in it."""
    return f'exec sh -c {shlex.quote(PLACE)} plumbus {shell_word(folder)}'


def remove_arguments(options: Options, shell: str, alias: str, empty: Path, *, whole: bool) -> list[bytes]:
    """Return the run that removes the absolute paths fed to its stdin; of folders only empty ones, unless `whole`."""
    ways = [b'--delete-missing-args', *([b'--force'] if whole else [])]
    return [*_listed(options, shell), *ways, b'--', os.fsencode(f'{empty}/'), os.fsencode(f'{alias}:/')]


def read_times_arguments(options: Options, shell: str, alias: str, scratch: Path) -> list[bytes]:
    """Return the run that makes the folders fed to its stdin below `scratch`, with the times that they have over there."""
    ways = [b'--times', b'--ignore-missing-args']
    return [*_listed(options, shell), *ways, b'--', os.fsencode(f'{alias}:/'), os.fsencode(f'{scratch}/')]


def set_times_arguments(options: Options, shell: str, alias: str, scratch: Path) -> list[bytes]:
    """Return the run that gives the folders fed to its stdin the times which they have below `scratch`, where they exist."""
    ways = [b'--times', b'--existing', b'--omit-link-times']
    return [*_listed(options, shell), *ways, b'--', os.fsencode(f'{scratch}/'), os.fsencode(f'{alias}:/')]


def _listed(options: Options, shell: str) -> list[bytes]:
    program = f'exec env {MARK}={options.mark} {_rsync(options)}'
    return [
        b'rsync', b'--dirs', b'--no-implied-dirs', b'--numeric-ids', b'--modify-window=-1', b'--outbuf=L', b'--no-human-readable',
        b'--from0', b'--files-from=-', f'--timeout={options.timeout_s}'.encode(), os.fsencode(f'--out-format={options.seal}{OUT_FORMAT}'),
        b'--rsh=' + os.fsencode(shell), f'--rsync-path={program}'.encode(),
    ]  # fmt: skip


def _command(options: Options, script: str, folder: bytes, *, way: str, flags: str = '') -> str:
    wanted = [flags, '--acls' if options.acls else '', '--xattrs' if options.xattrs else '']
    text = script.format(
        program=_rsync(options), format=OUT_FORMAT, flags=' '.join(filter(None, wanted)), way=way
    )
    return f'exec env LC_ALL=C {MARK}={options.mark} sh -c {shlex.quote(text)} plumbus {shell_word(folder)}'


def _rsync(options: Options) -> str:
    return 'sudo -n rsync' if options.sudo else 'rsync'
