"""What was measured, and what follows from it: medians, spread, ratios to bare rsync of the same round."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

BASE = 'bare rsync'
OURS = 'PLUMBUS'


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One contender in one round of one phase; times in seconds, memory in bytes (see measuring.Taken); `later_cpu_s` was used
    after it was done."""

    phase: str
    contender: str
    round: int
    seconds: float
    cpu_s: float = 0.0
    own_cpu_s: float = 0.0
    memory: int = 0
    own_memory: int = 0
    moved: int = 0
    later_cpu_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """What a contender's store takes in the end, and of that its lists of files, where they lie apart."""

    bytes: int
    inodes: int
    manifest_bytes: int = 0


@dataclass(kw_only=True, slots=True)
class Figures:
    """Everything about one run of the benchmark. `versions` has the contenders in their order, `notes` what is missing and why."""

    machine: dict[str, str]
    versions: dict[str, str]
    notes: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    stored: dict[str, Stored] = field(default_factory=dict)

    def seconds(self, phase: str, contender: str) -> dict[int, float]:
        """The time of each round."""
        return {sample.round: sample.seconds for sample in self._of(phase, contender)}

    def median(self, phase: str, contender: str) -> float | None:
        """The median of all rounds, None where it did not take part."""
        return median(list(self.seconds(phase, contender).values()))

    def spread(self, phase: str, contender: str) -> tuple[float, float] | None:
        """The quickest and the slowest round."""
        taken = self.seconds(phase, contender).values()
        return (min(taken), max(taken)) if taken else None

    def ratio(self, phase: str, contender: str, base: str = BASE) -> float | None:
        """The median of the ratios to another contender, each in its own round."""
        mine, theirs = self.seconds(phase, contender), self.seconds(phase, base)
        return median([mine[number] / theirs[number] for number in mine if theirs.get(number)])

    def cpu(self, phase: str, contender: str) -> float | None:
        """The median CPU time of all processes."""
        return median([sample.cpu_s for sample in self._of(phase, contender)])

    def later_cpu(self, phase: str, contender: str) -> float | None:
        """The median CPU time of what goes on after the end."""
        return median([sample.later_cpu_s for sample in self._of(phase, contender)])

    def own_share(self, phase: str, contender: str = OURS) -> float | None:
        """The part of all CPU time that the server itself used, the median of all rounds."""
        return median(
            [sample.own_cpu_s / sample.cpu_s for sample in self._of(phase, contender) if sample.cpu_s]
        )

    def memory(self, phase: str, contender: str) -> int:
        """The peak of all processes together."""
        return max((sample.memory for sample in self._of(phase, contender)), default=0)

    def own_memory(self, contender: str = OURS) -> int:
        """The peak of the server alone, in all phases."""
        return max((sample.own_memory for sample in self.samples if sample.contender == contender), default=0)

    def moved(self, phase: str, contender: str) -> float | None:
        """The median of the bytes that went over the wire."""
        return median([sample.moved for sample in self._of(phase, contender)])

    def rounds(self, phase: str, contender: str) -> int:
        """How often it was measured."""
        return len(self._of(phase, contender))

    def save(self, path: Path) -> None:
        """Write all of it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        found: dict[str, Any] = orjson.loads(path.read_bytes())
        found['samples'] = [Sample(**sample) for sample in found['samples']]
        found['stored'] = {name: Stored(**stored) for name, stored in found['stored'].items()}
        return cls(**found)

    def _of(self, phase: str, contender: str) -> list[Sample]:
        return [sample for sample in self.samples if (sample.phase, sample.contender) == (phase, contender)]


def median(values: Sequence[float]) -> float | None:
    """The median, None of nothing."""
    return statistics.median(values) if values else None
