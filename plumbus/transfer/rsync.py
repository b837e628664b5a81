"""Builds rsync's argument lists (rsync(1)). Pure: nothing is run here, nothing is read; items.py reads the output."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a job and the probes of both ends decide. Paths on our side are absolute and real (no link in them)."""

    acls: bool = False
    xattrs: bool = False
    fake_super: bool = False  # we are not root: owners and devices are kept in an xattr on our side
    sudo: bool = False
    secluded: bool = True  # False for keys with a forced command: rrsync refuses -s and --debug
    bandwidth_limit_kib: int = 0
    compress: bool = False
    one_file_system: bool = False
    timeout_s: int = 60  # without a byte moved, 0 for none
    excludes: Sequence[str] = ()
    partial_dir: Path | None = None


def scan_arguments(
    options: Options, shell: str, alias: str, sources: Sequence[str | bytes], previous_tree: Path
) -> list[bytes]:
    """Given absolute source paths, return a dry run that lists every entry (-ii) against the last good tree."""
    raise NotImplementedError


def fetch_all_arguments(
    options: Options, shell: str, alias: str, sources: Sequence[str | bytes], tree: Path
) -> list[bytes]:
    """Given absolute source paths, return the run that copies all below them into `tree` (first run, or its resume)."""
    raise NotImplementedError


def fetch_listed_arguments(options: Options, shell: str, alias: str, tree: Path) -> list[bytes]:
    """Return the run that fetches exactly the paths fed to its stdin, relative to /, each ended by a NUL."""
    raise NotImplementedError


def push_arguments(
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
    """Given paths as they are in the snapshot ('/home/pi/x'; none: all), return the run that restores them.

    `relative` puts each at `target` + its whole path ('/' for where it came from); else its last name lands in the
    folder `target`.
    """
    raise NotImplementedError


def environment(home: Path) -> dict[str, str]:
    """Given a home folder, return rsync's whole environment: fixed language and time zone, and nothing secret."""
    raise NotImplementedError
