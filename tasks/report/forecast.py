"""The numbers that a launch promises: accuracy, latency, cost and memory of each variant, with their uncertainty."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.evidence import Unmeasured
from tasks.report.numbers import count, quantity
from tasks.statistics import (
    Interval,
    QuantileBound,
    bound_under_load,
    quantile_interval,
    rate_interval,
    resampled_interval,
)

if TYPE_CHECKING:
    from tasks.evidence import LatencyEvidence, MeanError, Scores, Tally, VariantEvidence

TWO_SIDED_95 = 0.975  # one-sided confidence of each end
ONE_SIDED_95 = 0.95


class Measure(NamedTuple):
    """One headline number of a variant; where `value` is None, `note` says why."""

    name: str
    label: str
    unit: str
    value: float | None
    note: str

    @property
    def text(self) -> str:
        """The value with its unit, or that there is none."""
        return "unmeasured" if self.value is None else quantity(self.value, self.unit)


def forecast(variant: VariantEvidence, task: str = "classification") -> tuple[Measure, ...]:
    """Return the headline numbers of a variant: of one kind of model always the same ones in the same order."""
    errors = [] if task == "classification" else _errors(variant)
    return (
        *_accuracy(variant),
        _label_free(variant),
        *errors,
        *_latency(variant),
        _under_load(variant),
        *_cost(variant),
        _memory(variant),
    )


def accuracy(tally: Tally) -> Interval | None:
    """Return the share of labelled requests answered right, with its two-sided 95% interval; None without labels."""
    return rate_interval(tally.right.events, tally.right.trials, TWO_SIDED_95) if tally.labelled else None


def request_batch(variant: VariantEvidence) -> int:
    """Return the batch size whose latency a request sees: the smallest that was measured, as the latency gate has it."""
    if isinstance(variant.latency, Unmeasured):
        return 1
    return min((times.batch for times in variant.latency.batches), default=1)


def seconds_at(latency: LatencyEvidence, batch: int) -> tuple[float, ...]:
    """Return the seconds of each call at a batch size; empty where it was not measured."""
    return next((times.seconds for times in latency.batches if times.batch == batch), ())


def _accuracy(variant: VariantEvidence) -> list[Measure]:
    labels = {"production": "Accuracy in production", "evaluation": "Accuracy in evaluation"}
    measures = []
    for dataset, label in labels.items():
        name, evidence = f"{dataset}-accuracy", variant.evaluation
        if isinstance(evidence, Unmeasured):
            measures.append(Measure(name, label, "share", None, evidence.why))
            continue
        scores: Scores = getattr(evidence, dataset)
        rate = accuracy(scores.overall)
        if rate is None:
            measures.append(Measure(name, label, "share", None, f"none of {count(scores.overall.rows)} has a label"))
            continue
        note = f"95% interval {100 * rate.low:.1f} to {100 * rate.high:.1f}%, {count(scores.overall.labelled)} labels"
        measures.append(Measure(name, label, "share", rate.estimate, note))
    return measures


def _label_free(variant: VariantEvidence) -> Measure:
    name, label, found = "label-free-accuracy", "Accuracy of all requests", variant.label_free
    if isinstance(found, Unmeasured):
        return Measure(name, label, "share", None, found.why)
    wide = 100 * 2 * found.deviation
    late = f"{count(found.rows - found.labelled)} without a label yet"
    basis = "their confidence" + (", corrected by those with one" if found.corrected else " alone")
    return Measure(name, label, "share", found.accuracy, f"an estimate, ± {wide:.1f} points: {late}, by {basis}")


def _errors(variant: VariantEvidence) -> list[Measure]:
    """Return the mean errors of numbers or sequences."""
    measures = []
    for dataset in ("production", "evaluation"):
        name, label = f"{dataset}-error", f"Mean error in {dataset}"
        if isinstance(variant.evaluation, Unmeasured):
            measures.append(Measure(name, label, "", None, variant.evaluation.why))
            continue
        found: MeanError | None = getattr(variant.evaluation, dataset).error
        if found is None:
            measures.append(Measure(name, label, "", None, "no row has both a label and an error"))
            continue
        unit = "share" if found.unit == "share of tokens" else ""
        bounds = resampled_interval(found, TWO_SIDED_95)
        drawn = f"{count(found.rows)} labels" if found.by == "labelled rows" else f"{count(found.clusters)} {found.by}"
        note = f"too few for an interval: {drawn}"
        if bounds is not None:
            note = f"95% interval {quantity(bounds.low, unit)} to {quantity(bounds.high, unit)}, {drawn}"
        measures.append(Measure(name, label, unit, found.estimate, note))
    return measures


def _latency(variant: VariantEvidence) -> list[Measure]:
    batch = request_batch(variant)
    measures = []
    for percent in (50, 99):
        name, label = f"p{percent}", f"Latency p{percent}, batch {batch}"
        if isinstance(variant.latency, Unmeasured):
            measures.append(Measure(name, f"Latency p{percent}", "ms", None, variant.latency.why))
            continue
        seconds = seconds_at(variant.latency, batch)
        if not seconds:
            measures.append(Measure(name, label, "ms", None, "no call was timed"))
            continue
        bound = quantile_interval(seconds, percent / 100, ONE_SIDED_95)
        measures.append(Measure(name, label, "ms", 1000 * bound.estimate, _quantile_note(bound, len(seconds))))
    return measures


def _under_load(variant: VariantEvidence) -> Measure:
    name, label, load = "p99-under-load", "Response p99 under load", variant.load
    if isinstance(load, Unmeasured):
        return Measure(name, label, "ms", None, load.why)
    if not load.requests:
        return Measure(name, label, "ms", None, "no request was sent")
    bound = bound_under_load(load, 0.99, ONE_SIDED_95)
    rate = f"{count(load.requests)} requests at {quantity(load.share_per_second, '')} a second"
    lost = f", {count(load.lost)} without an answer" if load.lost else ""
    high = math.inf if bound.high is None else bound.high
    most = f"at most {quantity(1000 * high, 'ms')} at 95%" if math.isfinite(high) else "no 95% bound"
    value = 1000 * bound.estimate if math.isfinite(bound.estimate) else None
    return Measure(name, label, "ms", value, f"{most}, {rate}{lost}")


def _quantile_note(bound: QuantileBound, calls: int) -> str:
    if bound.high is None:
        return f"{count(calls)} calls; a 95% bound needs {count(bound.needed)}"
    return f"at most {quantity(1000 * bound.high, 'ms')} at 95%, {count(calls)} calls"


def _cost(variant: VariantEvidence) -> list[Measure]:
    cost = variant.cost
    labels = {"usd-per-thousand": "Cost per 1,000", "usd-per-month": "Cost per month"}
    if isinstance(cost, Unmeasured):
        return [Measure(name, label, "USD", None, cost.why) for name, label in labels.items()]
    replicas = f"{count(cost.replicas)} replica{'' if cost.replicas == 1 else 's'} of {cost.machine}"
    notes = {
        "usd-per-thousand": f"at most {quantity(cost.usd_per_thousand_high, 'USD')}",
        "usd-per-month": f"{replicas}, at most {quantity(cost.usd_per_month_high, 'USD')}",
    }
    values = {"usd-per-thousand": cost.usd_per_thousand, "usd-per-month": cost.usd_per_month}
    return [Measure(name, label, "USD", values[name], notes[name]) for name, label in labels.items()]


def _memory(variant: VariantEvidence) -> Measure:
    memory: Any = variant.memory
    if isinstance(memory, Unmeasured):
        return Measure("peak-memory", "Peak memory", "bytes", None, memory.why)
    peak = max(memory.peaks, key=lambda at: at.peak_bytes, default=None)
    if peak is None:
        return Measure("peak-memory", "Peak memory", "bytes", memory.warm_bytes, "once warm; no batch size was tried")
    return Measure("peak-memory", "Peak memory", "bytes", peak.peak_bytes, f"resident, at batch {peak.batch}")
