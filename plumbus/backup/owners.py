"""What users are told of how a snapshot keeps owners, devices and the like: as they are, in attributes, or not at all."""

from collections.abc import Sequence

from plumbus.backup.snapshots import Snapshot
from plumbus.model import Owners

WAYS: dict[Owners, str] = {
    'real': 'as they are, as root may',
    'fake-super': 'in extended attributes, as is possible without root',
    'none': 'not at all',
}


def told_of_owners(owners: Owners, before: Sequence[Snapshot]) -> list[str]:
    """Given how a run keeps owners and the job's snapshots, oldest first, return lines for its log."""
    if owners == 'real' and all(one.owners == owners for one in before[-1:]):
        return []
    lines = [f'owners and device files are kept {WAYS[owners]}']
    if before and before[-1].owners != owners:
        lines.append(
            f'the last snapshot kept them {WAYS[before[-1].owners]}; it shares no files with this one, '
            + (
                'which goes on from an older one of its kind'
                if _has_kin(owners, before)
                else 'so all is stored anew'
            )
        )
    return lines


def _has_kin(owners: Owners, before: Sequence[Snapshot]) -> bool:
    return any(one.owners == owners and one.manifest.exists() for one in before)
