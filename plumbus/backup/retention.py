"""Pure: which snapshots a policy keeps, with the reasons for each, after the rules of restic and Proxmox Backup Server.

Each rule keeps the newest snapshot of each of the last N periods that have one, read off the clock of the job's time zone.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from plumbus.model import Retention

# Rule → how its period is written; what is written alike is one period. Weeks are those of ISO 8601.
PERIODS = {
    'hourly': '%Y-%m-%d %H:00',
    'daily': '%Y-%m-%d',
    'weekly': '%G-W%V',
    'monthly': '%Y-%m',
    'yearly': '%Y',
}
Reasons = Mapping[int, Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A snapshot on disk. One that is not `good` (suspicious, damaged) takes no good one's place."""

    backup_id: int
    time: datetime
    good: bool = True
    pinned: bool = False
    in_use: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot that stays, and why: 'daily 2026-11-23', 'pinned', …"""

    backup_id: int
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stays, newest first, and what goes, oldest first."""

    keep: list[Kept]
    remove: list[int]


def decide(policy: Retention, candidates: Iterable[Candidate], zone: tzinfo, now: datetime) -> Verdict:
    """Given all snapshots of a job in any order, return which of them stay and why.

    The rules are applied to the good ones alone. Then one that is not good stays if they would keep it, were it good, or
    while there is no newer good one. What is pinned, in use, or the good one that was made last always stays; so does
    what is dated after `now`, and it takes no place either: that clock was wrong.
    """
    newest_first = sorted(candidates, key=lambda one: (one.time, one.backup_id), reverse=True)
    past = [one for one in newest_first if one.time <= now]
    good = [one for one in past if one.good]
    ruled = {True: _by_rules(policy, good, zone)}
    ruled[False] = _by_rules(policy, past, zone) if len(good) < len(past) else {}
    newest_good = good[0] if good else None
    last_made = max((one.backup_id for one in newest_first if one.good), default=0)
    keep, remove = [], []
    for one in newest_first:
        reasons = [
            *ruled[one.good].get(one.backup_id, ()),
            *_exceptions(one, newest_good, now),
        ]
        if one.backup_id == last_made and not reasons:
            reasons.append('last good one')
        if reasons:
            keep.append(Kept(one.backup_id, reasons))
        else:
            remove.append(one.backup_id)
    return Verdict(keep, remove[::-1])


def _by_rules(policy: Retention, newest_first: Sequence[Candidate], zone: tzinfo) -> Reasons:
    if policy == Retention():
        return {one.backup_id: ['everything is kept'] for one in newest_first}
    reasons = defaultdict(list)
    for place, one in enumerate(newest_first[: policy.keep_last], 1):
        reasons[one.backup_id].append(f'last {place}')
    local = [(one.backup_id, one.time.astimezone(zone)) for one in newest_first]
    for rule, written in PERIODS.items():
        for backup_id, period in _newest_of_each(local, written, getattr(policy, f'keep_{rule}')):
            reasons[backup_id].append(f'{rule} {period}')
    return reasons


def _newest_of_each(
    newest_first: Iterable[tuple[int, datetime]], written: str, count: int
) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for backup_id, time in newest_first:
        if len(seen) == count:
            return
        period = time.strftime(written)
        if period not in seen:
            seen.add(period)
            yield backup_id, period


def _exceptions(one: Candidate, newest_good: Candidate | None, now: datetime) -> Iterator[str]:
    if one.pinned:
        yield 'pinned'
    if one.in_use:
        yield 'in use'
    if one.time > now:
        yield 'dated in the future'
    elif not one.good and (newest_good is None or one.time >= newest_good.time):
        yield 'newer than the last good one'
