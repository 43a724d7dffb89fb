"""How a variant was made and how it serves: parity, provider, determinism, memory, dependencies and cost."""

from __future__ import annotations

from tasks.evidence.basis import Raw, Unmeasured
from tasks.evidence.device import Device
from tasks.records import Record, Sha256, Target


class Difference(Record):
    """Two runs of the same rows held against each other.

    `max_relative` is the largest absolute difference of a raw output as a share of that output's root mean square;
    `max_abs` and `p99_abs` are of the confidence; `error` says why the comparison could not be made.
    """

    case: str
    rows: int
    flips: int = 0
    max_abs: float | None = None
    p99_abs: float | None = None
    max_relative: float | None = None
    bitwise: bool = False
    error: str | None = None


class ExportEvidence(Record):
    """The exported graph against torch on production rows, at several batch sizes and at the shortest and longest inputs.

    `error` is set where the model could not be exported at all.
    """

    exporter: str
    opset: int
    dynamic_axes: dict[str, tuple[int, ...]]
    training_modules: tuple[str, ...]
    parity: tuple[Difference, ...]
    error: str | None = None


class ProviderEvidence(Record):
    """Where the nodes of a session really ran, counted from its own profile."""

    asked: Target
    wanted_provider: str
    session_provider: str
    nodes: dict[str, int]
    node_seconds: dict[str, float]


class DeterminismEvidence(Record):
    """The same inputs again: repeated, in a fresh process, and in other batches."""

    rows: int
    repeats: tuple[Difference, ...]
    batches: tuple[Difference, ...]
    golden: Raw


class BatchPeak(Record):
    """Peak resident memory of the process while it served one batch size, and what it held on the device afterwards."""

    batch: int
    peak_bytes: int
    device_bytes: int | None = None


class MemoryEvidence(Record):
    """Memory of a serving process: peaks by batch size, and growth over a soak.

    Each soak holds (requests so far, bytes): resident memory, what the C library's allocator has handed out (empty where it
    does not tell), and, in a second soak, what Python and numpy allocated. `device` is the GPU once the process was warm.
    """

    target: Target = "cpu"
    loaded_bytes: int
    warm_bytes: int
    peaks: tuple[BatchPeak, ...]
    soak_rss: tuple[tuple[int, int], ...]
    soak_python: tuple[tuple[int, int], ...]
    soak_native: tuple[tuple[int, int], ...] = ()
    device: Device | Unmeasured = Unmeasured(stage="device memory", why="not asked for")


class DependencyEvidence(Record):
    """What the serving path imports, held against the lock."""

    lock: str
    lock_sha256: Sha256 | None
    imported: dict[str, str]
    not_exact: tuple[str, ...]
    not_locked: tuple[str, ...]
    drifted: tuple[str, ...]


class ChampionEvidence(Record):
    """The live champion, and how it was asked beside the candidate.

    `packages` are the versions that its launch served it with and that are not installed here. It was given them, unless
    `not_given` says why not: then it was asked with what is installed.
    """

    version: str
    run_id: str
    variant: str
    packages: dict[str, str]
    not_given: str | None = None


class CostEvidence(Record):
    """What the variant costs at the policy's traffic on the policy's machine, from measured service times.

    The low and high ends come from the confidence interval of the mean service time, one call after the other, and from the
    lower bound of the capacity where that was measured. `loaded_ms` is for how long a request kept a replica busy under its
    share of the peak; `sustained_per_second` is what one replica was seen to sustain, and `erlang_replicas`
    how many would carry the peak by Erlang's formula, a check that plans nothing. `spare_replicas` are part of `replicas`.
    Money is in US dollars.
    """

    machine: str
    machine_hour_usd: float
    machine_source: str
    measured_on: str
    service_ms: float
    service_ms_low: float
    service_ms_high: float
    serving_batch: int
    peak_per_second: float
    utilisation: float
    replicas: int
    replicas_high: int
    usd_per_thousand: float
    usd_per_thousand_high: float
    usd_per_month: float
    usd_per_month_high: float
    sustained_per_second: float | None = None
    erlang_replicas: int | None = None
    loaded_ms: float | None = None
    spare_replicas: int = 0
