"""Evidence as named numbers. A name's part before the last slash is the section that MLflow draws its chart in.

What was measured at several batch sizes has the batch size as its step, so that a chart is a curve over batch sizes and
never shows another quantity beside it; what is one number has step 0 and becomes a bar. Absence gives no number at all.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.core.records import Variant
from tasks.evidence import (
    AnswerShapes,
    CalibrationEvidence,
    ChampionLatency,
    ColdStartEvidence,
    CostEvidence,
    DependencyEvidence,
    DeterminismEvidence,
    EvaluationEvidence,
    ExportEvidence,
    Fit,
    LabelFree,
    LatencyEvidence,
    LoadEvidence,
    MemoryEvidence,
    Paired,
    ProviderEvidence,
    RobustnessEvidence,
    SampleEvidence,
    Unmeasured,
    ValidationEvidence,
)
from tasks.statistics import calibration_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tasks.core.verdicts import GateResult
    from tasks.evidence import Difference, Evidence, Scores, Tally, VariantEvidence

MB = 1e6
MS = 1e3
PERCENTILES = (50, 90, 95, 99, 99.9)
LONGEST_PART = 80


class Point(NamedTuple):
    """One value of a metric."""

    name: str
    value: float
    step: int = 0


def name_part(text: str) -> str:
    """Return `text` as one part of a metric's name; a changed text carries its hash, so that no two become the same."""
    clean = re.sub(r"[^\w.\- ]", "_", text).strip(" .")[:LONGEST_PART] or "_"
    return clean if clean == text else f"{clean}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def gate_points(results: Iterable[GateResult]) -> Iterator[Point]:
    """Give 1 for a gate that passes and 0 for one that does not; an unmeasured gate has no number."""
    for result in results:
        if result.outcome != "unmeasured":
            yield Point(f"gate/{name_part(result.gate)}", float(result.outcome == "pass"))


def launch_points(evidence: Evidence) -> Iterator[Point]:
    """Give the numbers of the launch as a whole: sample, data quality, dependencies, export."""
    sample, dependencies, export = evidence.sample, evidence.dependencies, evidence.export
    if isinstance(sample, SampleEvidence):
        for field in ("rows", "labelled_rows", "log_rows", "malformed_rows", "duplicated_rows", "outside_window_rows"):
            yield Point(f"sample/{field}", getattr(sample, field))
    for quality in (evidence.production_quality, evidence.evaluation_quality):
        if isinstance(quality, ValidationEvidence):
            failed = sum(not result.success for result in quality.results)
            yield Point(f"quality/{quality.dataset}_failed_expectations", failed)
    if isinstance(dependencies, DependencyEvidence):
        for field in ("not_exact", "not_locked", "drifted"):
            yield Point(f"dependencies/{field}", len(getattr(dependencies, field)))
    if isinstance(export, ExportEvidence):
        yield from _difference_points("export", export.parity)


def headline_points(variant: VariantEvidence) -> Iterator[Point]:
    """Give the few single numbers that launches and variants are compared by; the same names on both kinds of run."""
    evaluation, latency, memory, cost = variant.evaluation, variant.latency, variant.memory, variant.cost
    if isinstance(evaluation, EvaluationEvidence):
        for scores in (evaluation.evaluation, evaluation.production):
            yield from _headline_scores(scores)
    if isinstance(latency, LatencyEvidence):
        for times in latency.batches:
            if times.batch == 1:
                yield from _percentiles("latency_batch1", times.seconds, 0)
        rates = [times.batch / np.mean(times.seconds) for times in latency.batches if times.seconds]
        if rates:
            yield Point("throughput/best_rows_per_second", float(max(rates)))
    if isinstance(memory, MemoryEvidence) and memory.peaks:
        yield Point("memory/highest_peak_mb", max(peak.peak_bytes for peak in memory.peaks) / MB)
    if isinstance(cost, CostEvidence):
        yield Point("cost/usd_per_million", cost.usd_per_thousand * 1000)  # MLflow's charts show two decimals
        for field in ("usd_per_thousand", "usd_per_month", "replicas"):
            yield Point(f"cost/{field}", getattr(cost, field))


def variant_points(variant: VariantEvidence) -> Iterator[Point]:
    """Give every number of one variant."""
    yield from headline_points(variant)
    if isinstance(variant.variant, Variant):
        yield Point("size/model_mb", variant.variant.size_bytes / MB)
    if isinstance(variant.provider, ProviderEvidence) and variant.provider.nodes:
        nodes = variant.provider.nodes
        yield Point(
            "provider/wanted_share_of_nodes", nodes.get(variant.provider.wanted_provider, 0) / sum(nodes.values())
        )
    if isinstance(variant.evaluation, EvaluationEvidence):
        yield from _evaluation_points(variant.evaluation)
    if isinstance(variant.calibration, CalibrationEvidence):
        yield from _calibration_points(variant.calibration)
    if isinstance(variant.label_free, LabelFree):
        yield Point("accuracy/estimated_without_labels", variant.label_free.accuracy)
    yield from _speed_points(variant)
    yield from _stability_points(variant)
    if isinstance(variant.memory, MemoryEvidence):
        yield from _memory_points(variant.memory)
    if isinstance(variant.cost, CostEvidence):
        for field in ("usd_per_thousand_high", "usd_per_month_high", "replicas_high", "service_ms"):
            yield Point(f"cost/{field}", getattr(variant.cost, field))


def _stability_points(variant: VariantEvidence) -> Iterator[Point]:
    if isinstance(variant.determinism, DeterminismEvidence):
        yield from _difference_points("repeat", variant.determinism.repeats)
        yield from _difference_points("batch", variant.determinism.batches)
    if isinstance(variant.robustness, RobustnessEvidence):
        yield from _robustness_points(variant.robustness)


def _robustness_points(found: RobustnessEvidence) -> Iterator[Point]:
    tried = [kind for kind in found.kinds if kind.rows and kind.stopped is None]
    if tried:
        yield Point("robustness/without_answer", sum(kind.crashes + kind.malformed + kind.non_finite for kind in tried))
        yield Point("robustness/perturbed_rows", sum(kind.rows for kind in tried))
    for kind in tried:
        if kind.against_original is not None and kind.against_original.rows:
            turned = kind.against_original.flips / kind.against_original.rows
            yield Point(f"robustness/flips/{name_part(kind.kind)}", turned)


def _evaluation_points(evaluation: EvaluationEvidence) -> Iterator[Point]:
    for scores in (evaluation.evaluation, evaluation.production):
        yield from _score_points(scores)
    for baseline, paired in (("reference", evaluation.against_reference), ("champion", evaluation.against_champion)):
        if isinstance(paired, Paired):
            yield from _paired_points(baseline, paired)
    if isinstance(shapes := evaluation.shapes, AnswerShapes):
        yield Point("shapes/loops", shapes.repeated.value)
        yield Point("shapes/length_distance", shapes.lengths.distance)
        for name, share in (("shortened", shapes.shortened), ("lengthened", shapes.lengthened)):
            if share.trials:
                yield Point(f"shapes/{name}", share.value)


def _headline_scores(scores: Scores) -> Iterator[Point]:
    yield from _accuracy(f"accuracy/{scores.dataset}", scores.overall)
    if scores.error is not None:
        yield Point(f"error/{scores.dataset}", scores.error.estimate)


def _score_points(scores: Scores) -> Iterator[Point]:
    traits = () if isinstance(scores.traits, Unmeasured) else scores.traits
    for part in (*scores.slices, *traits):
        yield from _accuracy(f"accuracy/{scores.dataset}/{name_part(part.column)}/{name_part(part.value)}", part.tally)
    if scores.overall.rows:
        yield Point(f"answered/{scores.dataset}", scores.overall.answered.value)
    for field in ("exceptions", "non_finite", "malformed"):
        yield Point(f"errors/{scores.dataset}_{field}", getattr(scores, field))


def _calibration_points(found: CalibrationEvidence) -> Iterator[Point]:
    fits = {"temperature": found.temperature, "isotonic": found.isotonic}
    maps = {name: fit.production for name, fit in fits.items() if isinstance(fit, Fit)}
    for name, seen in {"served": found.served, **maps}.items():
        if seen.bins:
            yield Point(f"calibration/error_{name}", calibration_error(*seen.gaps, 0.95).estimate)
            yield Point(f"calibration/brier_{name}", seen.brier)
    if isinstance(found.temperature, Fit) and found.temperature.temperature is not None:
        yield Point("calibration/temperature", found.temperature.temperature)
    yield Point("confidence/area_under_risk", found.risk_area)
    for errors in found.confident_errors:
        if errors.rows:
            yield Point(f"confidence/errors_from_{errors.threshold:g}", errors.errors.value)


def _paired_points(baseline: str, paired: Paired) -> Iterator[Point]:
    yield Point(f"flips/{baseline}", paired.overall.flips)
    if paired.error_rise is not None:
        yield Point(f"error_change/{baseline}", paired.error_rise.estimate)
    parts = [(f"/{name_part(part.column)}/{name_part(part.value)}", part.tally) for part in paired.slices]
    for suffix, tally in [("", paired.overall), *parts]:
        if tally.labelled:
            yield Point(f"accuracy_change/{baseline}{suffix}", tally.candidate_only.value - tally.baseline_only.value)


def _speed_points(variant: VariantEvidence) -> Iterator[Point]:
    if isinstance(variant.latency, LatencyEvidence):
        yield from _latency_points(variant.latency)
    if isinstance(variant.load, LoadEvidence):
        yield from _load_points(variant.load)
    if isinstance(variant.cold_start, ColdStartEvidence):
        yield from _start_points(variant.cold_start)
    if isinstance(turns := variant.champion_latency, ChampionLatency):
        for times in turns.batches:
            if times.blocks:
                own, live = (np.median([block[a] + block[b] for block in times.blocks]) for a, b in ((0, 3), (1, 2)))
                yield Point("latency_ratio/champion", float(own / live), times.batch)


def _latency_points(latency: LatencyEvidence) -> Iterator[Point]:
    yield Point("start/load_seconds", latency.load_seconds)
    yield Point("start/first_call_ms", latency.first_call_seconds * MS)
    for times in latency.batches:
        yield from _percentiles("latency", times.seconds, times.batch)
        for part in times.parts:
            yield Point(f"latency_part/{part.part}_p50_ms", part.median_ms, times.batch)
            if part.p99_ms is not None:
                yield Point(f"latency_part/{part.part}_p99_ms", part.p99_ms, times.batch)
        if times.elements is not None:
            yield Point("latency_part/values_per_row", times.elements, times.batch)
        if times.seconds:
            mean = float(np.mean(times.seconds))
            yield Point("latency/mean_ms_per_row", mean * MS / times.batch, times.batch)
            yield Point("throughput/rows_per_second", times.batch / mean, times.batch)
    for step in latency.steps:
        yield Point("steps/first_ms", step.first_step_ms, step.steps)
        if step.step_ms is not None:
            yield Point("steps/each_ms", step.step_ms, step.steps)
    if latency.noise is not None:
        yield Point("noise/control_spread", latency.noise.spread)
        if latency.noise.other_load is not None:
            yield Point("noise/other_load", latency.noise.other_load)


def _load_points(found: LoadEvidence) -> Iterator[Point]:
    """Give the response times of requests under load, all runs together, by name and not by batch size."""
    answered = tuple(seconds for seconds in found.responses if np.isfinite(seconds))
    yield from _percentiles("load", answered, 0)
    yield Point("load/requests_per_second", found.share_per_second)
    yield Point("load/replicas", found.carrying)
    yield Point("load/lost_requests", found.lost)
    if used := [each.run.utilisation for each in found.runs if each.run.utilisation is not None]:
        yield Point("load/utilisation", float(np.mean(used)))
    if found.busy_seconds is not None:
        yield Point("load/busy_ms", found.busy_seconds * MS)
    if found.sustained_per_second is not None:
        yield Point("load/sustained_per_second", found.sustained_per_second)
    for rate, seconds in found.curve:  # whole requests a second as the step
        yield Point("load/latency_by_rate_ms", seconds * MS, round(rate))


def _start_points(found: ColdStartEvidence) -> Iterator[Point]:
    """Give the median of each phase over the processes, and the slowest first answers."""
    for phase in ("interpreter", "imports", "load", "first_answer", "ready"):
        if found.starts:
            seconds = [getattr(start, f"{phase}_seconds") for start in found.starts]
            yield Point(f"cold_start/{phase}_seconds", float(np.median(seconds)))
    warm = [start.calls_ms[0] for start in found.starts if start.warmed and start.calls_ms]
    if warm:
        yield Point("cold_start/warm_answer_ms", max(warm))
    yield Point("cold_start/warmup_calls", found.warmup_calls)


def _memory_points(memory: MemoryEvidence) -> Iterator[Point]:
    yield Point("memory/loaded_mb", memory.loaded_bytes / MB)
    yield Point("memory/warm_mb", memory.warm_bytes / MB)
    for peak in memory.peaks:
        yield Point("memory/peak_mb", peak.peak_bytes / MB, peak.batch)
        if peak.device_bytes is not None:
            yield Point("memory/device_mb", peak.device_bytes / MB, peak.batch)
    for name, samples in (
        ("resident", memory.soak_rss),
        ("native", memory.soak_native),
        ("python", memory.soak_python),
    ):
        for requests, size in samples:
            yield Point(f"soak/{name}_mb", size / MB, requests)


def _accuracy(name: str, tally: Tally) -> Iterator[Point]:
    if tally.labelled:
        yield Point(name, tally.right.value)


def _percentiles(section: str, seconds: tuple[float, ...], step: int) -> Iterator[Point]:
    """Give the percentiles that have at least one of the samples above them; fewer samples say nothing of such a tail."""
    for percentile in PERCENTILES:
        if round(len(seconds) * (100 - percentile) / 100, 6) >= 1:
            yield Point(f"{section}/p{percentile}_ms", float(np.percentile(seconds, percentile)) * MS, step)


def _difference_points(name: str, differences: tuple[Difference, ...]) -> Iterator[Point]:
    """Give the worst of the comparisons that could be made."""
    made = [difference for difference in differences if difference.error is None]
    if made:
        yield Point(f"flips/{name}", max(difference.flips for difference in made))
    for field in ("max_abs", "max_relative"):
        values = [value for difference in made if (value := getattr(difference, field)) is not None]
        if values:
            yield Point(f"difference/{name}_{field}", max(values))
