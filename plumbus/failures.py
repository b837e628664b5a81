"""What PLUMBUS itself notices and ends a run for: one table of causes with a sentence and a remedy each.

What rsync, ssh and sudo say is told by the table in transfer/causes.py.
"""

from dataclasses import dataclass

from plumbus.errors import TransferFailed

MORE_ROOM = 'Delete old backups, keep fewer snapshots, or move the data folder to a larger disk.'


@dataclass(frozen=True, slots=True)
class Failure:
    """`message` and `remedy` may hold {names} that `failure` fills in. `transient`: a later attempt may succeed."""

    cause: str
    message: str
    remedy: str
    transient: bool = False


TABLE = [
    Failure(
        'data_missing',
        'The disk with the snapshots is not mounted in the data folder.',
        'Mount it and try again. If it is new on purpose, make an empty file backups/{marker} on it and restart.',
    ),
    Failure(
        'no_hard_links',
        'The disk of the data folder knows no hard links, so every snapshot would be a full copy.',
        'Use a disk with a Linux file system, like ext4, xfs or btrfs.',
    ),
    Failure(
        'no_link_copies',
        'The cp of the PLUMBUS server cannot link-copy a folder with all that it has.',
        'Install GNU coreutils there, as in: apk add coreutils.',
    ),
    Failure(
        'no_room',
        'The disk of the data folder is too full: {needed} are to come, {free} are free and {reserve} of them are a reserve.',
        MORE_ROOM,
    ),
    Failure(
        'room_used_up',
        'The disk of the data folder ran full during the backup: only {free} are left.',
        MORE_ROOM,
    ),
    Failure(
        'no_inodes',
        'The disk of the data folder has too few inodes: {needed} are needed, {free} are free.',
        MORE_ROOM,
    ),
    Failure(
        'storage',
        'The data folder could not be written or read: {reason}.',
        'Look whether its disk is mounted, writable, healthy and not full.',
    ),
    Failure(
        'not_synced',
        'The snapshot could not be brought to the disk.',
        'Look whether the disk of the data folder is healthy.',
    ),
    Failure(
        'nothing_readable',
        'Not one file could be read.',
        'Look at the log, and let PLUMBUS use sudo on this client or log in as root.',
    ),
    Failure(
        'time_limit',
        'The run took longer than the job allows.',
        'Allow it more time in the job, or back up less. The next run goes on where this one stopped.',
    ),
    Failure(
        'silence',
        'Nothing came from the machine for {seconds} seconds.',
        'Look whether it is up and its network and disks are well.',
        transient=True,
    ),
    Failure(
        'pre_command',
        'The command before the backup ended with exit code {code}.',
        'Its output is in the log; mend the command in the job.',
    ),
    Failure(
        'post_command',
        'The command after the backup ended with exit code {code}.',
        'Its output is in the log; mend the command in the job. The snapshot is whole.',
    ),
    Failure(
        'hostile',
        'The client sent a file name that leads out of its folder.',
        'Someone may have changed this machine or its rsync: check it before you trust it again.',
    ),
    Failure(
        'unreadable_item',
        'A file was listed in a way that PLUMBUS cannot read: {line}.',
        'Please report this line. Until that is mended, exclude the file that it names.',
    ),
    Failure(
        'damaged',
        'The snapshot is not what was backed up any more: {count} of its files or folders differ.',
        'Check the disk of the data folder (dmesg, smartctl -a), and what else writes there. '
        'The next backup fetches the damaged files again if the client still has them.',
    ),
    Failure(
        'disk_unreadable',
        'The disk of the data folder reports errors wherever it is read, so the snapshot could not be verified.',
        'Check the disk and its cable (dmesg, smartctl -a), and verify again.',
    ),
    Failure(
        'snapshot_gone',
        'The snapshot was deleted while it was verified.',
        'Verify another one.',
    ),
    Failure(
        'no_room_there',
        'The disk of {folder}, where the files go, has no room for them: {needed} are needed, {free} are free.',
        'Make room there, restore less, or restore to another folder.',
    ),
    Failure(
        'bound_folder',
        'There is no {folder} where these files came from, as the key of this client sees it: it may be bound to another folder.',
        'Look at the rrsync line in authorized_keys over there; then make that folder by hand, or restore to another one.',
    ),
    Failure(
        'restore_base',
        'The folder {folder} of the PLUMBUS server cannot be restored to: {reason}.',
        'Choose another one below PLUMBUS_RESTORE_BASE.',
    ),
    Failure(
        'safety_copy',
        'What is to be overwritten could not be copied away first: {reason} Nothing was restored.',
        'Mend that, or restore without a safety copy.',
    ),
    Failure(
        'undo_lost',
        'What is known for this undo is no longer there.',
        'What was overwritten may still lie in the safety copy on the client; copy it back by hand.',
    ),
    Failure(
        'lost',
        'How this run ended could not be stored.',
        'Look into its log and into logs/plumbus.log, mend what is wrong with the data folder, and run it again.',
    ),
    Failure(
        'internal',
        'An unexpected error inside PLUMBUS ended this run.',
        'Look into logs/plumbus.log, and report what it says.',
    ),
]
KNOWN = {failure.cause: failure for failure in TABLE}


def failed(cause: str, *, exit_code: int | None = None, **facts: object) -> TransferFailed:
    """Given a row of the table and what its sentence names, return the error to raise."""
    row = KNOWN[cause]
    return TransferFailed(
        row.message.format(**facts),
        row.remedy.format(**facts),
        cause,
        exit_code=exit_code,
        transient=row.transient,
    )
