"""Removes a folder with all below it: no link is followed, no recursion, however deep it is and whatever modes it has."""

import os
import stat

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_folder(name: bytes, parent: int) -> None:
    """Given a folder's name and a descriptor of the folder it is in, remove it. Raise OSError where that cannot be."""
    here = _entered(name, parent)
    names: list[bytes] = []  # of the folders from there down to where we are
    try:
        left = [_emptied(here)]  # for each of them the folders that are still in it
        while left[-1] or names:
            if left[-1]:
                names.append(left[-1].pop())
                here = _moved(here, _entered(names[-1], here))
                left.append(_emptied(here))
            else:
                here = _moved(here, os.open('..', FOLDER, dir_fd=here))
                os.rmdir(names.pop(), dir_fd=here)
                left.pop()
    finally:
        os.close(here)
    os.rmdir(name, dir_fd=parent)


def _entered(name: bytes, parent: int) -> int:
    """Without root a folder may keep us out; no snapshot shares one, so its mode may change. Files do share theirs."""
    mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
        os.chmod(name, stat.S_IMODE(mode) | stat.S_IRWXU, dir_fd=parent)
    return os.open(name, FOLDER, dir_fd=parent)


def _moved(before: int, here: int) -> int:
    os.close(before)
    return here


def _emptied(folder: int) -> list[bytes]:
    """Remove all from a folder but the folders in it, and return those."""
    with os.scandir(folder) as entries:
        found = [(os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in found if is_folder]
