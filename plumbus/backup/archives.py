"""A selection of a snapshot as a tar or zip archive, made piece by piece while it is read: nothing is kept.

Both formats come from the standard library, which checks and pads; here only what a backup needs is set.
"""

import stat
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, get_args

import zstandard

from plumbus.backup.selection import Member, Selection, chunks_of

Format = Literal['zip', 'tar', 'tar.gz', 'tar.zst']
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES = {
    'zip': 'application/zip',
    'tar': 'application/x-tar',
    'tar.gz': 'application/gzip',
    'tar.zst': 'application/zstd',
}
PIECE = 64 * 1024
REMEMBERED = (
    50_000  # files whose further names become links; later ones become copies, so that memory has a limit
)
NOTE_NAME = 'MISSING-IN-THIS-ARCHIVE.txt'
KINDS = {
    stat.S_IFREG: tarfile.REGTYPE, stat.S_IFDIR: tarfile.DIRTYPE, stat.S_IFLNK: tarfile.SYMTYPE, stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE, stat.S_IFBLK: tarfile.BLKTYPE,
}  # fmt: skip
SECOND = 10**9
FASTEST = 1
LONGEST_NAME = 65_534  # of a zip archive, and a slash
UNIX = 3  # the system that made it (APPNOTE.TXT, 4.4.2)
FOLDER = 0x10  # an attribute of MS-DOS
UNIX_TIME = 0x5455  # the extra field of Info-ZIP with the time in UTC
DOS_YEARS = range(1980, 2108)


def archive(selection: Selection, form: Format) -> Iterator[bytes]:
    """Given a selection and a format, yield the archive in pieces. Closing the iterator ends all work on it."""
    if form == 'zip':
        return _gathered(_zip(selection))
    pieces = _tar(selection)
    if form == 'tar.gz':
        gzip = zlib.compressobj(level=FASTEST, wbits=31)
        pieces = _compressed(pieces, gzip.compress, gzip.flush)
    elif form == 'tar.zst':
        zstd = zstandard.ZstdCompressor(level=3, write_checksum=True).compressobj()
        pieces = _compressed(pieces, zstd.compress, zstd.flush)
    return _gathered(pieces)


def _tar(selection: Selection) -> Iterator[bytes]:
    leaders: dict[tuple[int, int], str] = {}
    for member in selection.members():
        if stat.S_IFMT(member.status.st_mode) in KINDS:  # a socket has no form in an archive
            yield from _tar_member(selection, member, leaders)
    if note := selection.note():
        info = tarfile.TarInfo(NOTE_NAME)
        info.size = len(note)
        yield _tar_header(info) + note + _padding(len(note))
    yield bytes(2 * tarfile.BLOCKSIZE)


def _tar_member(selection: Selection, member: Member, leaders: dict[tuple[int, int], str]) -> Iterator[bytes]:
    info, status = _tar_info(member), member.status
    if info.type == tarfile.SYMTYPE:
        info.linkname = _text(selection.tree.read_link(member.path))
    if info.type != tarfile.REGTYPE:
        yield _tar_header(info)
        return
    inode = (status.st_dev, status.st_ino)
    if inode in leaders:
        info.type, info.linkname = tarfile.LNKTYPE, leaders[inode]
        yield _tar_header(info)
        return
    file = selection.open(member)
    if file is None:
        return
    with file:
        if status.st_nlink > 1 and len(leaders) < REMEMBERED:
            leaders[inode] = info.name
        info.size = status.st_size
        yield _tar_header(info)
        yield from chunks_of(file, info.size)
        yield _padding(info.size)


def _tar_info(member: Member) -> tarfile.TarInfo:
    status = member.status
    info = tarfile.TarInfo(_text(member.name))
    info.type = KINDS[stat.S_IFMT(status.st_mode)]
    info.mode, info.uid, info.gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    seconds, nanoseconds = divmod(status.st_mtime_ns, SECOND)
    info.mtime = seconds
    if nanoseconds and seconds >= 0:
        info.pax_headers = {'mtime': f'{seconds}.{nanoseconds:09}'}
    if info.type in {tarfile.CHRTYPE, tarfile.BLKTYPE}:
        info.devmajor, info.devminor = status.st_rdev >> 8 & 0xFFF, status.st_rdev & 0xFF
    return info


def _tar_header(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.PAX_FORMAT, 'utf-8', 'surrogateescape')


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def _text(name: bytes) -> str:
    return name.decode('utf-8', 'surrogateescape')


def _zip(selection: Selection) -> Iterator[bytes]:
    sink = _Sink()
    with zipfile.ZipFile(sink, 'w') as made:
        for member in selection.members():
            if len(member.name) > LONGEST_NAME:
                selection.leave_out(member.path)
                continue
            for _ in _zip_member(made, selection, member):
                yield sink.taken()
        if note := selection.note():
            made.writestr(NOTE_NAME, note)
    yield sink.taken()


def _zip_member(made: zipfile.ZipFile, selection: Selection, member: Member) -> Iterator[None]:
    info, mode = _zip_info(member), member.status.st_mode
    if stat.S_ISDIR(mode):
        made.writestr(info, b'')
    elif stat.S_ISLNK(mode):
        made.writestr(info, selection.tree.read_link(member.path))
    elif stat.S_ISREG(mode):
        file = selection.open(member)
        if file is None:
            return
        info.file_size = member.status.st_size  # tells whether it needs the form for large files
        info.compress_type = zipfile.ZIP_DEFLATED
        with file, made.open(info, 'w') as target:
            for chunk in chunks_of(file, info.file_size):
                target.write(chunk)
                yield
    yield


def _zip_info(member: Member) -> '_Named':
    status, is_folder = member.status, stat.S_ISDIR(member.status.st_mode)
    seconds = int(status.st_mtime)
    info = _Named(_text(member.name) + '/' * is_folder, _dos_time(seconds))
    info.create_system = UNIX
    info.external_attr = status.st_mode << 16 | FOLDER * is_folder
    if 0 <= seconds < 2**31:
        info.extra = struct.pack('<HHBl', UNIX_TIME, 5, 1, seconds)
    return info


def _dos_time(seconds: int) -> tuple[int, int, int, int, int, int]:
    moment = time.gmtime(seconds)
    if moment.tm_year not in DOS_YEARS:
        return 1980, 1, 1, 0, 0, 0
    return moment.tm_year, moment.tm_mon, moment.tm_mday, moment.tm_hour, moment.tm_min, moment.tm_sec


class _Named(zipfile.ZipInfo):
    """The standard library knows no name that is not UTF-8. Such a one is told in its own bytes, as zip(1) does."""

    def __init__(self, filename: str, date_time: tuple[int, int, int, int, int, int]) -> None:
        super().__init__(filename, date_time)
        self._compresslevel = FASTEST  # what is given to the archive counts for names alone

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802
        try:
            flags: tuple[bytes, int] = super()._encodeFilenameFlags()  # type: ignore[misc]
        except UnicodeEncodeError:
            return self.filename.encode('utf-8', 'surrogateescape'), self.flag_bits
        return flags


class _Sink:
    """Where the zip archive is written to: it cannot be sought in, and gives up what came at once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def taken(self) -> bytes:
        """Return what came since the last time."""
        taken = b''.join(self._parts)
        self._parts.clear()
        return taken


def _compressed(
    pieces: Iterable[bytes], compress: Callable[[bytes], bytes], flush: Callable[[], bytes]
) -> Iterator[bytes]:
    for piece in pieces:
        yield compress(piece)
    yield flush()


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The first piece at once, small ones together."""
    waiting, size, least = [], 0, 1
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= least:
            yield b''.join(waiting)
            waiting, size, least = [], 0, PIECE
    yield b''.join(waiting)
