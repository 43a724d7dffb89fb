"""How fast a variant answers: by batch size and part, from a cold start, and in turns with the live champion."""

from __future__ import annotations

from typing import Literal

from tasks.core.records import Record, Target
from tasks.evidence.common import NOISY_LOAD, Raw, Unmeasured
from tasks.evidence.gpu import DeviceUse

NOISY_SPREAD = 1.5  # p99 over median of work that is always the same; 1.1 or so on a machine that does nothing else


class Noise(Record):
    """What else the machine did while times were taken.

    `other_load` is the busy time of all cores less that of the measuring process and its children, as a share of all
    cores; None where /proc/stat is not there. The control is a fixed piece of Python, timed at even intervals: its spread
    is the machine's doing. `affinity` names the cores that the process may run on.
    """

    seconds: float
    machine_cores: int
    affinity: tuple[int, ...]
    other_load: float | None
    control_calls: int
    control_median_ms: float
    control_p99_ms: float

    @property
    def spread(self) -> float:
        """The control's 99th percentile over its median."""
        return self.control_p99_ms / self.control_median_ms

    @property
    def noisy(self) -> bool:
        """Whether times taken meanwhile may be the machine's rather than the model's."""
        return self.spread > NOISY_SPREAD or (self.other_load or 0) > NOISY_LOAD

    @property
    def told(self) -> str:
        """What was seen, as half a sentence."""
        load = "" if self.other_load is None else f"other processes took {100 * self.other_load:.0f}% of the cores and "
        return f"{load}the p99 of a fixed piece of work was {self.spread:.1f} times its median"

    @property
    def note(self) -> str:
        """What a gate adds to its sentence: nothing of a quiet machine."""
        return f"the machine was noisy: {self.told}" if self.noisy else ""


class PartTimes(Record):
    """One part of a call at one batch size; `p99_ms` is None where fewer than 100 calls tell of no such tail."""

    part: Literal["encode", "session", "decode"]
    median_ms: float
    p99_ms: float | None


class BatchTimes(Record):
    """Wall seconds of each timed call at one batch size, encode and decode included, in the order they were taken.

    `elements` is how many values the encoded inputs of an item held on average, padding included.
    """

    batch: int
    seconds: tuple[float, ...]
    parts: tuple[PartTimes, ...] = ()
    elements: float | None = None


class StepTimes(Record):
    """Single answers of `steps` output steps: medians of the time to the first one, and of each one after it.

    A step is a call of the graph that an answer calls again and again; `step_ms` is None of answers of one step.
    """

    steps: int
    calls: int
    first_step_ms: float
    step_ms: float | None


class LatencyEvidence(Record):
    """Closed-loop latency: calls one after the other, batch sizes interleaved, on inputs drawn from production.

    `steps` are of models that call a graph again and again for one answer.
    """

    target: Target
    threads: int
    load_seconds: float
    first_call_seconds: float
    warmup_calls: int
    batches: tuple[BatchTimes, ...]
    steps: tuple[StepTimes, ...] = ()
    noise: Noise | None = None
    device: DeviceUse | Unmeasured | None = None
    raw: Raw


class ColdStart(Record):
    """One fresh process, from its start on: Python itself, imports, the adapter and its sessions, the first answer.

    `calls_ms` are the answers after that, in order: where `warmed`, the first ones after the warm-up inputs, of rows that
    were not among them; else calls alike, of which `settled_after` is how many it took until they were steady (None:
    they never were).
    """

    warmed: bool
    interpreter_seconds: float
    imports_seconds: float
    load_seconds: float
    first_answer_seconds: float
    calls_ms: tuple[float, ...]
    settled_after: int | None

    @property
    def ready_seconds(self) -> float:
        """From the start of the process to its first answer."""
        return self.interpreter_seconds + self.imports_seconds + self.load_seconds + self.first_answer_seconds


class ColdStartEvidence(Record):
    """Fresh processes, some without a warm-up and some with it; `warmup` is the file of its inputs, in `warmup_calls`."""

    target: Target
    threads: int
    starts: tuple[ColdStart, ...]
    warmup_calls: int
    warmup: Raw


class TurnTimes(Record):
    """Blocks of four calls on the same rows at one batch size, in seconds: candidate, champion, champion, candidate."""

    batch: int
    blocks: tuple[tuple[float, float, float, float], ...]


class ChampionLatency(Record):
    """The variant and the live champion timed in turns by one process, so that whatever the machine did, it did to both."""

    batches: tuple[TurnTimes, ...]
    noise: Noise
    raw: Raw
