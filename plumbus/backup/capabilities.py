"""What this machine's rsync and the file system of the data folder can keep."""

import contextlib
import os
import tempfile
from pathlib import Path

from plumbus.cancellation import Cancellation
from plumbus.errors import PlumbusError
from plumbus.transfer import process, rsync


def local_options(data_dir: Path) -> rsync.Options:
    """Given the data folder, return rsync's options with ACLs and xattrs switched on where both can keep them."""
    features = local_features(data_dir)
    xattrs = 'xattrs' in features and keeps_xattrs(data_dir)
    return rsync.Options(acls='ACLs' in features and xattrs, xattrs=xattrs)


def local_features(data_dir: Path) -> set[str]:
    """Return the features that this machine's rsync was built with, as `rsync --version` lists them; none if it is missing."""
    lines: list[bytes] = []
    with contextlib.suppress(PlumbusError):
        process.run(
            ['rsync', '--version'],
            cancellation=Cancellation(),
            env=rsync.environment(data_dir),
            on_output=lines.extend,
            idle_timeout_s=10,
        )
    return {word.strip() for line in lines for word in line.decode('ascii', 'replace').split(',')}


def keeps_xattrs(folder: Path) -> bool:
    """Given a folder, return whether files in it can have extended attributes."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix='.probe-') as file:
        try:
            os.setxattr(file.name, 'user.plumbus.probe', b'1')
        except OSError:
            return False
    return True
