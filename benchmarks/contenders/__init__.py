"""Who takes part, each behind the same small interface."""

from benchmarks.contenders.bare_rsync import BareRsync
from benchmarks.contenders.base import Contender
from benchmarks.contenders.plumbus import Plumbus

CONTENDERS: tuple[type[Contender], ...] = (BareRsync, Plumbus)
