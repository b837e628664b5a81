"""Which snapshots are verified by night: those whose turn was longest ago, no more than a share of the store."""

from datetime import UTC, datetime, timedelta

import pytest

from plumbus.model import Backup
from plumbus.services.verifications import share

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def backup(number: int, days: int | None = None, size: int = 100, disk: int | None = None) -> Backup:
    return Backup(
        id=number, job_id=1, client_id=1, size_bytes=size, disk_bytes=size if disk is None else disk,
        verified_at=None if days is None else NOW - timedelta(days=days),
    )  # fmt: skip


def chosen(backups: list[Backup], percent: float, failed_at: dict[int, datetime] | None = None) -> list[int]:
    return [one.id for one in share(backups, percent, failed_at or {})]


def test_those_never_verified_come_first_and_then_the_oldest() -> None:
    backups = [backup(1, 3), backup(2, 9), backup(3), backup(4, 1), backup(5)]
    assert chosen(backups, 100) == [3, 5, 2, 1, 4]


@pytest.mark.parametrize(
    ('percent', 'count'), [(0, 0), (1, 1), (5, 1), (10, 2), (14, 2), (50, 10), (100, 20)]
)
def test_it_takes_a_share_of_the_bytes_but_one_at_least(percent: float, count: int) -> None:
    backups = [backup(number, days=100 - number) for number in range(1, 21)]
    assert chosen(backups, percent) == list(range(1, count + 1))


def test_the_share_is_of_what_lies_on_disk_and_not_of_what_all_trees_seem_to_hold() -> None:
    backups = [backup(number, size=1000, disk=1000 if number == 1 else 10) for number in range(1, 101)]
    assert chosen(backups, 5) == [1]


def test_one_that_fails_again_and_again_does_not_keep_the_others_waiting() -> None:
    backups = [backup(1), backup(2, 5), backup(3, 6)]
    assert chosen(backups, 5, {1: NOW - timedelta(days=1)}) == [3]
    assert chosen(backups, 5, {1: NOW - timedelta(days=7)}) == [1]


def test_every_snapshot_has_its_turn() -> None:
    backups = {number: backup(number) for number in range(1, 31)}
    seen: set[int] = set()
    for night in range(15):
        for one in share(backups.values(), 7, {}):
            seen.add(one.id)
            backups[one.id] = one.model_copy(update={'verified_at': NOW + timedelta(days=night)})
    assert seen == set(backups)


def test_nothing_is_chosen_of_nothing() -> None:
    assert chosen([], 5) == []
