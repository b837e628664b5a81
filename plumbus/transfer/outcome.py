"""Says in plain words why rsync or ssh ended as it did. Pure; the table of causes is in causes.py."""

import errno
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from plumbus.transfer.causes import CONNECTION, EXIT_CODES, SEE_LOG, STORAGE, Cause
from plumbus.transfer.items import unescape

Severity = Literal['ok', 'warning', 'failed']
Stage = Literal['connect', 'scan', 'transfer', 'restore']

PARTIAL, VANISHED_FILES = 23, 24
MAX_FILES = 100
MAX_NAME = 300
MAX_LINE = 4096
LAST_WORDS = 5  # a question, and what rsync and ssh say when they are ended
TOO_LARGE = 'has more extended attributes than the disk takes; some of them are lost'
VANISHED = re.compile(rb'(?:file|directory) has vanished: "(.*)"', re.DOTALL)
COMPLAINT = re.compile(rb'rsync: ([^"]*)"(.*)"[^"]*\((\d{1,3})\)\s*\Z', re.DOTALL)
DISCARDED = re.compile(rb'ERROR: (.*) failed verification', re.DOTALL)
TOP = re.compile(rb'(?:\[\w+\] )?(?:link_stat|change_dir(?:#\d)?) \Z')
# rsync_xal_set: fsetxattr("PATH","NAME") failed, or failed to write xattr NAME for "PATH"
ATTRIBUTES = re.compile(
    rb'rsync: [^"]*xattr[^"]*"(.*?)"(?:,"[^"]*")?.*: No space left on device \(28\)\s*\Z', re.DOTALL
)
RECEIVING = re.compile(
    rb'.*/(?:temporary/(?P<apart>[^/]+)|tree/(?:.*/)?\.(?P<inside>[^/]+))\.[A-Za-z0-9]{6}', re.DOTALL
)
SKIPPED = b'*** Skipping any contents from this failed directory ***'


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """`cause` is a row of the table ('' when all went well); `files`: up to 100 texts 'path: why' of what was left out."""

    cause: str
    message: str
    remedy: str
    transient: bool
    severity: Severity
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What rsync says about one file. `is_top`: it was asked for by name, as a source path is."""

    path: str
    number: int
    is_top: bool = False
    why: str = ''

    def __str__(self) -> str:
        why = self.why or ('vanished meanwhile' if self.number == errno.ENOENT else os.strerror(self.number))
        return f'{self.path}: {why}'


def explain(
    exit_code: int, error_lines: Sequence[bytes], *, stage: Stage = 'transfer', sources: Sequence[str] = ()
) -> Explanation:
    """Given how a child of ours ended and lines of its stderr, return what a user is told.

    stderr decides before the exit code, which is racy: a refused connection ends in 255 or 12 (tried). With `sources`
    an unreadable source path is told from an unreadable folder somewhere below it.
    """
    if exit_code == 0:
        return Explanation(cause='', message='', remedy='', transient=False, severity='ok')
    lines = [line if len(line) <= MAX_LINE else line[:MAX_LINE] for line in error_lines]
    text = b'\n'.join(lines)
    partly = exit_code in {PARTIAL, VANISHED_FILES}
    found = _first(STORAGE, text) or (None if partly else _first(CONNECTION, text))
    if found:
        return _failed(found, stage)
    if partly:
        return _judge_files(exit_code, lines, stage, set(sources))
    return _failed(EXIT_CODES.get(exit_code) or _unknown(exit_code), stage)


def explain_storage(error: OSError) -> Explanation | None:
    """Given what the disk of the data folder said to PLUMBUS itself, return the row that tells the same of rsync, if there is one."""
    names = {
        errno.ENOSPC: 'inodes_full' if error.filename else 'disk_full',  # what has no name was open, and grew
        errno.EDQUOT: 'quota',
        errno.EROFS: 'read_only',
        errno.EFBIG: 'file_too_large',
        errno.EIO: 'disk_error',
    }
    found = next((cause for cause in STORAGE if cause.id == names.get(error.errno or 0)), None)
    return _failed(found, 'transfer') if found else None


def explain_silence(error_lines: Sequence[bytes]) -> Explanation | None:
    """Given lines of the stderr of a child that then fell silent, return what it waits for, if it asked for something."""
    asked = _first(
        (cause for cause in CONNECTION if cause.id == 'prompt'), b'\n'.join(error_lines[-LAST_WORDS:])
    )
    return _failed(asked, 'connect') if asked else None


def _first(causes: Iterable[Cause], text: bytes) -> Cause | None:
    return next((cause for cause in causes if cause.pattern.search(text)), None)


def _failed(cause: Cause, stage: Stage) -> Explanation:
    of = 'of the machine' if stage == 'restore' else 'of the data folder'
    return Explanation(
        cause=cause.id, message=cause.message.format(of=of), remedy=cause.remedy, transient=cause.transient, severity='failed'
    )  # fmt: skip


def _unknown(exit_code: int) -> Cause:
    return Cause('unknown', re.compile(b''), f'rsync ended with the unexpected code {exit_code}.', SEE_LOG)


def _judge_files(exit_code: int, lines: Sequence[bytes], stage: Stage, sources: set[str]) -> Explanation:
    """rsync went on to its end, so the rest of the tree is there unless a complaint is about more than single files."""
    complaints = [found for line in lines if (found := _complaint(line))]
    if stage in {'scan', 'restore'}:
        for complaint in complaints:
            if complaint.is_top or complaint.path in sources:
                return _lost_source(complaint, stage)
    if stage == 'restore' and SKIPPED in lines:
        return _failed(EXIT_CODES[PARTIAL], stage)
    files = [str(complaint) for complaint in complaints[:MAX_FILES]]
    if exit_code == VANISHED_FILES or (
        complaints and all(complaint.number == errno.ENOENT for complaint in complaints)
    ):
        message = 'Some files vanished while they were read.'
        return Explanation(
            cause='vanished', message=message, remedy='', transient=False, severity='ok', files=files
        )
    denied = any(complaint.number in {errno.EACCES, errno.EPERM} for complaint in complaints)
    return Explanation(
        cause='permission_denied' if denied else 'partial',
        message=f'Some files could not be {"written" if stage == "restore" else "read"}.',
        remedy='Turn on sudo for this client, or log in as root.' if denied else SEE_LOG,
        transient=False,
        severity='warning',
        files=files,
    )


def _lost_source(complaint: Complaint, stage: Stage) -> Explanation:
    place = 'in the snapshot' if stage == 'restore' else 'on the machine'
    if complaint.number == errno.ENOENT:
        cause, message = 'source_missing', f'There is no {complaint.path} {place}.'
        remedy = (
            'Correct the path.'
            if stage == 'restore'
            else 'Correct the source paths of the job, or mount what belongs there.'
        )
    else:
        cause, message = (
            'source_unreadable',
            f'{complaint.path} cannot be read {place}: {os.strerror(complaint.number)}.',
        )
        remedy = 'Turn on sudo for this client, log in as root, or change the permissions over there.'
    return Explanation(cause=cause, message=message, remedy=remedy, transient=False, severity='failed')  # fmt: skip


def _complaint(line: bytes) -> Complaint | None:
    if match := VANISHED.match(line):
        return Complaint(_readable(match[1]), errno.ENOENT)
    if match := ATTRIBUTES.match(line):
        received = RECEIVING.fullmatch(match[1])
        return Complaint(
            _readable((received['apart'] or received['inside']) if received else match[1]),
            errno.E2BIG,
            why=TOO_LARGE,
        )
    if match := COMPLAINT.match(line):
        name = match[2].partition(b'" -> "')[0].partition(b'","')[0]
        return Complaint(_readable(name), int(match[3]), bool(TOP.match(match[1])))
    if match := DISCARDED.match(line):
        return Complaint(_readable(match[1]), errno.EIO)
    return None


def _readable(name: bytes) -> str:
    """Given a name that a client sent, return it bounded and without control or direction characters."""
    text = unescape(name).decode('utf-8', 'replace')
    shown = ''.join(char if char.isprintable() else '\ufffd' for char in text)
    return shown if len(shown) <= MAX_NAME else f'{shown[:MAX_NAME]}…'
