"""The report's plots: each from evidence alone, with its numbers as a table, or with the sentence why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tasks.evidence import Fit, Unmeasured
from tasks.report.forecast import ONE_SIDED_95, TWO_SIDED_95, accuracy
from tasks.report.numbers import NOTHING, count, money, quantity, share, size
from tasks.report.plots import charts
from tasks.report.plots.capacity import by_rate
from tasks.report.plots.latency import (
    batch_numbers,
    by_batch,
    by_length,
    cold_start,
    latency_percentiles,
    throughput,
    under_load,
)
from tasks.report.plots.scene import Drawn, PlotTable, Scene
from tasks.report.plots.svg import STYLE, render
from tasks.statistics import calibration_error, rate_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tasks.core.verdicts import Decision
    from tasks.evidence import Evidence, Reliability, Scores, Slice
    from tasks.statistics import Interval

WIDEST = 0.4  # of an interval that is drawn
MOST_SLICES = 18
BY_LENGTH = "latency-by-length"
FEWEST_SAMPLES = 2  # of a line
KEPT = (1.0, 0.9, 0.8, 0.5, 0.2)  # shares of the answers, for the table
MB = 1_000_000


class Plot(NamedTuple):
    """One plot: as SVG for the page (`svg`) and as a file (`alone`), or `missing`, which says why there is none."""

    name: str
    title: str
    caption: str
    numbers: PlotTable | None = None
    svg: str = ""
    alone: str = ""
    missing: str = ""
    left_out: tuple[str, ...] = ()


def all_plots(evidence: Evidence, decision: Decision) -> list[Plot]:
    """Draw every plot of the report, in the report's order."""
    import matplotlib.style

    scene = Scene(evidence, decision)
    with matplotlib.style.context(["default", STYLE]):
        drawn = [_plot(scene, name, title, part, draw) for name, title, part, draw in _PLOTS]
    # That a model answers in one step is no gap.
    return [plot for plot in drawn if plot.name != BY_LENGTH or not plot.missing]


def save(plots: Iterable[Plot], folder: Path) -> None:
    """Write each plot that was drawn to a file of its own in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for plot in plots:
        if plot.alone:
            (folder / f"{plot.name}.svg").write_text(plot.alone, encoding="utf-8")


def _plot(scene: Scene, name: str, title: str, part: str, draw: Callable[[Scene], Drawn | None]) -> Plot:
    reasons = {each.name: getattr(each, part) for each in scene.evidence.variants}
    left_out = tuple(f"{who}: {lack.why}" for who, lack in reasons.items() if isinstance(lack, Unmeasured))
    drawn = draw(scene) if scene.measured(part) else None
    if drawn is None:
        why = f"No variant has a measurement of this ({part})." if scene.evidence.variants else "There are no variants."
        return Plot(name, title, "", missing=why, left_out=left_out)
    page, alone = render(drawn.figure, f"plot-{name}", title, drawn.caption)
    return Plot(name, title, drawn.caption, drawn.numbers, page, alone, left_out=left_out)


def _peak_memory(scene: Scene) -> Drawn | None:
    measured = [(hand, sorted(memory.peaks, key=lambda at: at.batch)) for hand, memory in scene.measured("memory")]
    lines = [(hand, {at.batch: at.peak_bytes / MB for at in peaks}) for hand, peaks in measured if peaks]
    if not lines:
        return None
    caption = "Peak resident memory of the serving process while it served one batch size."
    return Drawn(charts.by_batch(lines, "MB", log=False), caption, batch_numbers(lines, "MB", lambda v: f"{v:,.0f}"))


def _soak(scene: Scene) -> Drawn | None:
    lines, rows = [], []
    for hand, memory in scene.measured("memory"):
        if len(memory.soak_rss) < FEWEST_SAMPLES:
            continue
        start = memory.soak_rss[0][1]
        lines.append((hand, [(requests, (held - start) / MB) for requests, held in memory.soak_rss]))
        last = memory.soak_rss[-1]
        rows.append((hand.name, count(last[0]), size(start), size(last[1]), _growth(last[1] - start)))
    if not lines:
        return None
    caption = "Resident memory over the soak, from its first sample on; a leak keeps rising."
    return Drawn(charts.soak(lines), caption, PlotTable(("Variant", "Requests", "Start", "End", "Growth"), tuple(rows)))


def _growth(held: int) -> str:
    return f"{'+' if held >= 0 else '-'}{size(abs(held))}"


def _evaluation_against_production(scene: Scene) -> Drawn | None:
    pairs, rows = [], []
    for hand, evidence in scene.measured("evaluation"):
        rates = (accuracy(evidence.evaluation.overall), accuracy(evidence.production.overall))
        if any(rates):
            pairs.append((hand, *rates))
            rows.append((hand.name, *(_interval(rate) for rate in rates), _gap(*rates)))
    if not pairs:
        return None
    caption = "Share of labelled requests answered right, with 95% intervals. The gap is what production takes away."
    header = ("Variant", "Evaluation", "Production", "Gap, points")
    return Drawn(charts.gaps(pairs, scene.limit("production-accuracy")), caption, PlotTable(header, tuple(rows)))


def _interval(rate: Interval | None) -> str:
    return NOTHING if rate is None else f"{share(rate.estimate)} ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _gap(evaluation: Interval | None, production: Interval | None) -> str:
    if evaluation is None or production is None:
        return NOTHING
    return f"{100 * (evaluation.estimate - production.estimate):.1f}"


def _slices(scene: Scene) -> Drawn | None:
    tables = [(hand, _rates(_every(evidence.production))) for hand, evidence in scene.measured("evaluation")]
    names = {name for _, rates in tables for name, rate in rates.items() if rate is not None}
    if not names:
        return None
    known = {name: [rates[name] for _, rates in tables if rates.get(name) is not None] for name in names}
    lowest = sorted(names, key=lambda name: min(rate.estimate for rate in known[name] if rate is not None))
    told = [name for name in lowest if all(rate.high - rate.low <= WIDEST for rate in known[name] if rate)] or lowest
    shown = told[:MOST_SLICES]
    unlabelled = sorted({name for _, rates in tables for name in rates} - names)
    caption = "Share of labelled production requests answered right in each slice, with 95% intervals, lowest first."
    if len(told) > MOST_SLICES:
        caption += f" Shown are the {MOST_SLICES} lowest of {count(len(told))} slices; the table below has all."
    if few := len(names) - len(told):
        caption += f" In the table alone: {count(few)} of which too few labels tell little (intervals over 40 points)."
    if unlabelled:
        caption += f" Without any label: {', '.join(' = '.join(name) for name in unlabelled)}."
    header = ("Slice", *(hand.name for hand, _ in tables))
    rows = [(" = ".join(name), *(_interval(rates.get(name)) for _, rates in tables)) for name in lowest]
    return Drawn(charts.slices(tables, shown), caption, PlotTable(header, tuple(rows)))


def _every(scores: Scores) -> tuple[Slice, ...]:
    """Return the slices by one column, declared or told from the requests."""
    return scores.slices + (() if isinstance(scores.traits, Unmeasured) else scores.traits)


def _rates(slices: tuple[Slice, ...]) -> dict[tuple[str, str], Interval | None]:
    return {(each.column, each.value): accuracy(each.tally) for each in slices}


def _reliability(scene: Scene) -> Drawn | None:
    lines, rows = [], []
    for hand, found in scene.measured("calibration"):
        bins = found.served.bins
        points = [(b.confidence, rate_interval(b.right.events, b.right.trials, TWO_SIDED_95)) for b in bins]
        if points:
            lines.append((hand, points))
        fits = {"served": found.served}
        if isinstance(found.temperature, Fit):
            fits[f"temperature {found.temperature.temperature:.3g}"] = found.temperature.production
        if isinstance(found.isotonic, Fit):
            fits["isotonic"] = found.isotonic.production
        rows += [(f"{hand.name}, {name}", *_worth(seen)) for name, seen in fits.items() if seen.bins]
    if not lines:
        return None
    caption = (
        "Share of labelled production answers that are right, at each confidence as it is served, with 95% intervals. Under"
        " the diagonal the model is surer than it is right. The table has the error that a fit on the calibration set leaves."
    )
    header = ("Confidence", "Answers", "Calibration error", "at most", "Brier score")
    return Drawn(charts.reliability(lines), caption, PlotTable(header, tuple(rows)))


def _worth(seen: Reliability) -> tuple[str, ...]:
    error = calibration_error(*seen.gaps, ONE_SIDED_95)
    return count(seen.rows), share(error.estimate), share(error.high), f"{seen.brier:.3f}"


def _risk_coverage(scene: Scene) -> Drawn | None:
    measured = [(hand, found) for hand, found in scene.measured("calibration") if found.risk_coverage]
    if not measured:
        return None
    rows = []
    for hand, found in measured:
        risks = {round(kept, 3): risk for kept, risk in found.risk_coverage}
        rows.append((hand.name, *(share(risks.get(kept)) for kept in KEPT), share(found.risk_area)))
    caption = "Share of labelled production answers that are wrong where only the most confident ones are kept."
    header = ("Wrong of", *(f"{100 * kept:.0f}% kept" for kept in KEPT), "Mean")
    lines = [(hand, found.risk_coverage) for hand, found in measured]
    return Drawn(charts.risk_coverage(lines), caption, PlotTable(header, tuple(rows)))


def _cost(scene: Scene) -> Drawn | None:
    bars = scene.measured("cost")
    rows = [
        (
            hand.name,
            f"{count(cost.replicas)} of {cost.machine}",
            NOTHING if cost.sustained_per_second is None else quantity(cost.sustained_per_second, ""),
            NOTHING if cost.erlang_replicas is None else count(cost.erlang_replicas),
            f"{money(cost.usd_per_thousand)} to {money(cost.usd_per_thousand_high)}",
            f"{money(cost.usd_per_month)} to {money(cost.usd_per_month_high)}",
        )
        for hand, cost in bars
    ]
    caption = "US dollars a month at the policy's traffic; the whisker reaches the high end of the estimate."
    header = ("Variant", "Replicas", "Each sustains a second", "Carrying by Erlang C", "Per 1,000", "Per month")
    return Drawn(charts.costs(bars), caption, PlotTable(header, tuple(rows)))


_PLOTS: tuple[tuple[str, str, str, Callable[[Scene], Drawn | None]], ...] = (
    ("evaluation-production", "Evaluation against production", "evaluation", _evaluation_against_production),
    ("latency", "Latency percentiles", "latency", latency_percentiles),
    ("under-load", "Response percentiles under load", "load", under_load),
    ("latency-by-rate", "Latency against throughput", "load", by_rate),
    ("slices", "Accuracy by slice", "evaluation", _slices),
    ("cost", "Cost by variant", "cost", _cost),
    ("reliability", "Confidence against being right", "calibration", _reliability),
    ("risk-coverage", "Risk against coverage", "calibration", _risk_coverage),
    ("latency-by-batch", "Latency by batch size", "latency", by_batch),
    ("throughput-by-batch", "Throughput by batch size", "latency", throughput),
    (BY_LENGTH, "Time to the first output step, and each one after it", "latency", by_length),
    ("cold-start", "From the start of a process to its first answer", "cold_start", cold_start),
    ("memory-by-batch", "Peak memory by batch size", "memory", _peak_memory),
    ("memory-soak", "Memory over the soak", "memory", _soak),
)
