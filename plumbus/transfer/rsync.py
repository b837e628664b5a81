"""Builds rsync's argument lists (rsync(1)). Runs nothing and touches no file; items.py reads the output.

Two rules hold for all of them: what a user wrote is never read as an option, a filter directive or a pattern where a name
is meant; and nothing outside the given tree is compared with, linked to or written.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from plumbus.errors import InvalidInput
from plumbus.transfer.items import OUT_FORMAT
from plumbus.transfer.sources import literal, remote_sources

MARK = 'PLUMBUS_RUN'
SAFETY_NAME = '.plumbus-before-restore-'  # and a number: folders with what a restore took the place of
PROGRAMS = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a job and the probes of both ends decide. Paths on our side are absolute and real (no link in them).

    With `fake_super` owners and devices are kept in an xattr on our side, as is needed without root. `secluded` is False
    for keys with a forced command: rrsync refuses -s. `timeout_s` counts without a byte moved, 0 for none. `temp_dir` must
    be on the tree's file system: half-received files lie there and not in the tree when rsync is killed. `make_path` needs
    rsync 3.2.3 or newer over there. `mark`: what the rsync over there is known by (remote.py); keys bound to rsync take none.
    `seal`: what our rsync begins its items with; nobody over there may know it.
    """

    acls: bool = False
    xattrs: bool = False
    fake_super: bool = False
    sudo: bool = False
    secluded: bool = True
    bandwidth_limit_kib: int = 0
    compress: bool = False
    one_file_system: bool = False
    timeout_s: int = 60
    excludes: Sequence[str] = ()
    partial_dir: Path | None = None
    temp_dir: Path | None = None
    make_path: bool = True
    mark: str = ''
    seal: str = ''


def scan_arguments(
    options: Options, shell: str, alias: str, sources: Sequence[str | bytes], previous_tree: Path
) -> list[bytes]:
    """Given absolute source paths, return a dry run that lists every entry (-ii) against the last good tree.

    Without --force a file in place of a folder would be complained about instead of listed (tried with 3.5.0).
    Feed it with `source_feed`. Raise InvalidInput if there are no paths.
    """
    return [
        *_common(options, shell),
        *_attributes(options),
        b'--dry-run',
        b'--outbuf=B',  # a call for each of very many lines would be most of its work
        b'--force',
        b'-ii',
        b'--info=stats2',
        *_selection(options),
        *remote_sources(alias, sources),
        _folder(previous_tree),
    ]


def differences_arguments(
    options: Options, shell: str, alias: str, sources: Sequence[str | bytes], previous_tree: Path
) -> list[bytes]:
    """Given absolute source paths, return a dry run that lists what differs from the last good tree, also what is gone.

    It ends with statistics, by which one can tell whether that is all, and names each folder that it is done with on the way
    (--debug=DEL2): else nobody could tell for a long time whether it goes on. Feed it with `source_feed`. Raise InvalidInput if
    there are no paths.
    """
    return [
        *_common(options, shell),
        *_attributes(options),
        b'--dry-run',
        b'--outbuf=L',
        b'--force',
        b'-i',
        b'--delete',
        b'--info=stats2',
        b'--debug=DEL2',
        *_selection(options),
        *remote_sources(alias, sources),
        _folder(previous_tree),
    ]


def fetch_all_arguments(
    options: Options, shell: str, alias: str, sources: Sequence[str | bytes], tree: Path
) -> list[bytes]:
    """Given absolute source paths, return the run that copies all below them into `tree` (first run, or its resume).

    Feed it with `source_feed`. Raise InvalidInput if there are no paths.
    """
    return [
        *_common(options, shell),
        *_transfer(options),
        *_receiving(options),
        *_attributes(options),
        b'-ii',
        *_selection(options),
        *remote_sources(alias, sources),
        _folder(tree),
    ]


def fetch_listed_arguments(options: Options, shell: str, alias: str, tree: Path) -> list[bytes]:
    """Return the run that fetches exactly the paths fed to its stdin, relative to /, each ended by a NUL.

    A path must not end in a slash and must not be '.': of those rsync would fetch everything in them. What is gone by
    now is passed over.
    """
    return [
        *_common(options, shell),
        *_transfer(options),
        *_receiving(options),
        *_attributes(options),
        b'-ii',
        b'--dirs',
        b'--no-recursive',
        b'--force',
        b'--ignore-missing-args',
        b'--from0',
        b'--files-from=-',
        b'--',
        os.fsencode(f'{alias}:/'),
        _folder(tree),
    ]


def push_arguments(  # noqa: PLR0917 -- the same first four as its sisters
    options: Options,
    shell: str,
    alias: str,
    tree: Path,
    paths: Sequence[str | bytes],
    target: str | bytes,
    *,
    relative: bool,
    delete: bool = False,
    dry_run: bool = False,
) -> list[bytes]:
    """Given paths as they are in the snapshot ('/home/pi/x'), return the run that restores them. A dry run lists changes.

    `relative` puts each at `target` + its whole path ('/' for where it came from, whose folders above stay as they are);
    else its last name lands in the folder `target`. `delete` removes what is not in the snapshot from restored folders.
    Without an `alias` it is a folder of this machine. One whose name holds wildcards must be there, see `make_folder_arguments`.
    Raise InvalidInput if there are no paths.
    """
    into = os.fsencode(target).rstrip(b'/') + b'/'
    if not paths:
        raise InvalidInput({'paths': 'name what to restore'})
    return [
        *_common(options, shell, relative=relative, to_client=bool(alias)),
        *_transfer(options),
        b'-i',
        *_flags({
            '--no-implied-dirs': relative and into == b'/', '--mkpath': options.make_path and into != b'/',
            '--dry-run': dry_run, '--delete': delete, f'--filter=P {SAFETY_NAME}*/': delete,
            '-M--super': options.fake_super and not alias,
        }),
        b'--',
        *(_local_source(tree, path, relative) for path in paths),
        os.fsencode(alias) + b':' + literal(into) if alias else into,
    ]  # fmt: skip


def push_folders_arguments(
    options: Options, shell: str, alias: str, tree: Path, *, dry_run: bool
) -> list[bytes]:
    """Return the run that gives the folders fed to its stdin, relative to /, what they have in the snapshot: they alone.

    A run that restores what is in them makes those that are missing, but with attributes of its own.
    """
    return [
        *_common(options, shell, to_client=True),
        b'-i',
        b'--dirs',
        b'--no-recursive',
        b'--no-implied-dirs',
        *_flags({'--dry-run': dry_run}),
        b'--from0',
        b'--files-from=-',
        b'--',
        _folder(tree),
        os.fsencode(alias) + b':/',
    ]


def make_folder_arguments(
    options: Options, shell: str, alias: str, scratch: Path, path: bytes
) -> list[bytes]:
    """Given an absolute path whose folders are all there below `scratch`, return the run that makes them over there.

    A target is taken for a pattern where it holds wildcards, and the escaped name for a new one if nothing matches it.
    """
    return [
        *_common(replace(options, acls=False, xattrs=False), shell, archive=False, to_client=True),
        b'--dirs',
        b'--no-implied-dirs',
        b'--',
        _local_source(scratch, path, relative=True),
        os.fsencode(alias) + b':/',
    ]


def environment(home: Path) -> dict[str, str]:
    """Given a home folder, return rsync's whole environment: fixed language and time zone, and nothing secret."""
    return {'PATH': os.environ.get('PATH', PROGRAMS), 'HOME': str(home), 'LC_ALL': 'C.UTF-8', 'TZ': 'UTC'}


def _common(
    options: Options, shell: str, *, relative: bool = True, archive: bool = True, to_client: bool = False
) -> list[bytes]:
    """What all runs share. Whole seconds would hide an edit of the same size within the second: --modify-window=-1.

    A restore sends that as -@-1, which rrsync does not know.
    """
    return [
        b'rsync',
        *([b'-aHS'] if archive else []),
        b'--numeric-ids',
        b'--no-human-readable',
        b'--outbuf=L',
        os.fsencode(f'--out-format={options.seal}{OUT_FORMAT}'),
        b'--debug=NSTR1',
        *([b'--rsh=' + os.fsencode(shell)] if shell else []),
        *_flags({
            '--modify-window=-1': options.secluded or not to_client, '--relative': relative, '--secluded-args': options.secluded, '--acls': options.acls, '--xattrs': options.xattrs,
            '--fake-super': options.fake_super, f'--rsync-path={_program(options)}': options.sudo or bool(options.mark),
            f'--timeout={options.timeout_s}': options.timeout_s > 0,
        }),
    ]  # fmt: skip


def _program(options: Options) -> str:
    """The words that start rsync over there, with no shell left in between; no user has a say in them."""
    return f'{f"exec env {MARK}={options.mark} " if options.mark else ""}{"sudo -n " if options.sudo else ""}rsync'


def _transfer(options: Options) -> list[bytes]:
    """What runs have that move data. Which compression -z takes both ends settle among themselves."""
    return _flags({
        '--info=progress2,stats2': True, '--compress': options.compress,
        f'--bwlimit={options.bandwidth_limit_kib}': options.bandwidth_limit_kib > 0,
    })  # fmt: skip


def _receiving(options: Options) -> list[bytes]:
    folders = {'--partial-dir=': options.partial_dir, '--temp-dir=': options.temp_dir}
    return [os.fsencode(f'{name}{folder}') for name, folder in folders.items() if folder is not None]


def _attributes(options: Options) -> list[bytes]:
    """Attributes of clients that are called like those of --fake-super would be taken for them when they are restored.

    So any user of a client could give a program of his own rights that only root may give. A filter of attributes takes
    the place of rsync's own rule, which leaves out system.* (rsync(1), --xattrs).
    """
    names = ('user.rsync.*', 'system.*') if options.fake_super and options.xattrs else ()
    return [os.fsencode(f'--filter=-xs {name}') for name in names]


def _selection(options: Options) -> list[bytes]:
    """What is left out. After '-s ' rsync takes the rest as the pattern, even '! ' or '+ …' (rsync(1), FILTER RULES).

    For the sending side alone: on ours it would protect what stands in the way of something else in the last tree.
    """
    excludes = [os.fsencode(f'--filter=-s {pattern}') for pattern in options.excludes]
    return [*_flags({'--one-file-system': options.one_file_system}), *excludes]


def _local_source(tree: Path, path: str | bytes, relative: bool) -> bytes:
    below = os.fsencode(path).strip(b'/')
    return os.fsencode(tree) + (b'/./' if relative else b'/') + below


def _folder(path: Path) -> bytes:
    return os.fsencode(path) + b'/'


def _flags(flags: dict[str, bool]) -> list[bytes]:
    return [os.fsencode(flag) for flag, wanted in flags.items() if wanted]
