"""Who takes part, each behind the same small interface."""

from benchmarks.contenders.backuppc import BackupPC
from benchmarks.contenders.bare_rsync import BareRsync
from benchmarks.contenders.base import Contender
from benchmarks.contenders.borg import Borg
from benchmarks.contenders.plumbus import Plumbus
from benchmarks.contenders.rdiff_backup import RdiffBackup
from benchmarks.contenders.restic import Restic
from benchmarks.contenders.rsnapshot import Rsnapshot

CONTENDERS: tuple[type[Contender], ...] = (BareRsync, Plumbus, Rsnapshot, BackupPC, RdiffBackup, Borg, Restic)
