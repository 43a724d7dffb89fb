"""The vocabulary of evidence: one frozen record a kind of measurement, with units in the names. Imports nothing heavy.

Durations are seconds and sizes are bytes unless a name says otherwise. Every count is a count of rows (requests) unless
a name says otherwise. Whatever could not be measured is an `Unmeasured` with its reason, never a zero.
"""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from tasks.records import Record, Sha256, Target, Variant


class Unmeasured(Record):
    """A stage that has no result: it was skipped, it crashed, or its hardware was not there.

    `finding` is set where it was the candidate's own model or adapter that failed.
    """

    unmeasured: Literal[True] = True
    stage: str
    why: str
    crashed: bool = False
    finding: bool = False


class Raw(Record):
    """A file of raw samples kept beside the evidence; `path` is relative to the run's folder."""

    path: str
    sha256: Sha256
    rows: int


class Environment(Record):
    """Where the evidence was taken; two equal digests mean the same libraries on the same kind of hardware."""

    python: str
    platform: str
    cpu: str
    cores: int
    memory_bytes: int
    gpu: str | None
    packages: dict[str, str]
    sha256: Sha256


class SampleEvidence(Record):
    """What was drawn from the production log, and what the log looked like on the way.

    `log_rows` counts the rows that could be read; `malformed_rows` are the others.
    """

    source: str
    window_start: AwareDatetime
    window_end: AwareDatetime
    seed: int
    asked_rows: int
    rows: int
    log_rows: int
    log_files: int
    malformed_rows: int
    malformed_examples: tuple[str, ...]
    outside_window_rows: int
    duplicated_rows: int
    labelled_rows: int
    by_status: dict[str, int]
    missing_columns: dict[str, int]
    raw: Raw


class ExpectationResult(Record):
    """One expectation of a suite: what it asked, whether it held, and the ids of rows that broke it."""

    expectation: str
    column: str | None
    severity: Literal["critical", "warning", "info"]
    success: bool
    unexpected_rows: int
    checked_rows: int
    because: str
    failing_ids: tuple[str, ...] = ()


class ValidationEvidence(Record):
    """A Great Expectations suite run on one data set."""

    dataset: Literal["production", "evaluation"]
    rows: int
    evaluated_expectations: int
    results: tuple[ExpectationResult, ...]
    page: str


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


class Tally(Record):
    """Counts over requests; a request that failed or abstained and has a label counts as not correct."""

    rows: int
    labelled: int
    correct: int
    abstained: int
    errors: int


class Slice(Record):
    """The requests where `column` equals `value`."""

    column: str
    value: str
    tally: Tally


class LabelCoverage(Record):
    """How many requests of a group have a label."""

    group: str
    rows: int
    labelled: int


class Scores(Record):
    """A variant's predictions on one data set, over all of its requests."""

    dataset: Literal["evaluation", "production"]
    overall: Tally
    slices: tuple[Slice, ...]
    label_coverage: tuple[LabelCoverage, ...]
    exceptions: int
    non_finite: int
    malformed: int
    error_examples: tuple[str, ...]
    seconds: float
    raw: Raw


class PairedTally(Record):
    """Two models on the same rows: who was right where, among labelled rows, and decisions that differ among all rows."""

    rows: int
    flips: int
    labelled: int
    candidate_only: int
    baseline_only: int


class PairedSlice(Record):
    """A paired tally of the requests where `column` equals `value`."""

    column: str
    value: str
    tally: PairedTally


class Paired(Record):
    """The candidate's variant against a baseline on the same production rows."""

    baseline: str
    overall: PairedTally
    slices: tuple[PairedSlice, ...]


class FirstLaunch(Record):
    """No champion is registered under the model's name yet."""

    first_launch: Literal[True] = True
    model: str


class EvaluationEvidence(Record):
    """A variant on the evaluation set and on the production sample, against fp32 and against the live champion."""

    evaluation: Scores
    production: Scores
    against_reference: Paired
    against_champion: Paired | FirstLaunch | Unmeasured


class BatchTimes(Record):
    """Wall seconds of each timed call at one batch size, encode and decode included, in the order they were taken."""

    batch: int
    seconds: tuple[float, ...]


class LatencyEvidence(Record):
    """Closed-loop latency: calls one after the other, batch sizes interleaved, on inputs drawn from production."""

    target: Target
    threads: int
    load_seconds: float
    first_call_seconds: float
    warmup_calls: int
    batches: tuple[BatchTimes, ...]
    raw: Raw


class DeterminismEvidence(Record):
    """The same inputs again: repeated, in a fresh process, and in other batches."""

    rows: int
    repeats: tuple[Difference, ...]
    batches: tuple[Difference, ...]
    golden: Raw


class BatchPeak(Record):
    """Peak resident memory of the process while it served one batch size."""

    batch: int
    peak_bytes: int


class MemoryEvidence(Record):
    """Memory of a serving process: peaks by batch size, and growth over a soak.

    `soak_rss` and `soak_python` hold (calls so far, bytes): resident memory, and memory that Python and numpy allocated.
    """

    loaded_bytes: int
    warm_bytes: int
    peaks: tuple[BatchPeak, ...]
    soak_rss: tuple[tuple[int, int], ...]
    soak_python: tuple[tuple[int, int], ...]


class DependencyEvidence(Record):
    """What the serving path imports, held against the lock."""

    lock: str
    lock_sha256: Sha256 | None
    imported: dict[str, str]
    not_exact: tuple[str, ...]
    not_locked: tuple[str, ...]
    drifted: tuple[str, ...]


class CostEvidence(Record):
    """What the variant costs at the policy's traffic on the policy's machine, from measured service times.

    The low and high ends come from the confidence interval of the mean service time. Money is in US dollars.
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


class VariantEvidence(Record):
    """All that was measured of one variant; `asked` is false of an fp32 that is only there to hold the others against."""

    name: str
    asked: bool = True
    variant: Variant | Unmeasured
    provider: ProviderEvidence | Unmeasured
    evaluation: EvaluationEvidence | Unmeasured
    latency: LatencyEvidence | Unmeasured
    determinism: DeterminismEvidence | Unmeasured
    memory: MemoryEvidence | Unmeasured
    cost: CostEvidence | Unmeasured


class Evidence(Record):
    """All that a launch measured; `launchgate judge` decides again from this alone."""

    schema_version: Literal[1] = 1
    candidate: str
    candidate_folder: str
    candidate_sha256: Sha256
    task: str
    target: Target
    environment: Environment
    sample: SampleEvidence | Unmeasured
    production_quality: ValidationEvidence | Unmeasured
    evaluation_quality: ValidationEvidence | Unmeasured
    dependencies: DependencyEvidence | Unmeasured
    export: ExportEvidence | Unmeasured
    variants: tuple[VariantEvidence, ...]
