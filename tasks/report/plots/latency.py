"""The report's plots of time: percentiles, batch sizes, output steps, and cold starts."""

from __future__ import annotations

import math
import re
from statistics import median
from typing import TYPE_CHECKING

from tasks.evidence import Unmeasured
from tasks.report.forecast import request_batch, seconds_at
from tasks.report.numbers import NOTHING, count, quantity
from tasks.report.plots import charts
from tasks.report.plots.scene import Drawn, PlotTable, Scene
from tasks.statistics import bound_under_load, quantile_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.evidence import BatchTimes, DeviceUse, LoadEvidence, StepTimes
    from tasks.report.plots.series import Hand
    from tasks.statistics import ResponseBound

PERCENTILES = (50, 90, 95, 99, 99.9)
PARTS = ("encode", "session", "decode")
PHASES = ("interpreter", "imports", "load", "first answer")


def latency_percentiles(scene: Scene) -> Drawn | None:
    """Draw every percentile at the batch size of a request, and say how steady the machine was meanwhile."""
    lines, rows = [], []
    batches = {each.name: request_batch(each) for each in scene.evidence.variants}
    for hand, latency in scene.measured("latency"):
        seconds = seconds_at(latency, batches[hand.name])
        if not seconds:
            continue
        lines.append((hand, [1000 * second for second in seconds]))
        bounds = [quantile_interval(seconds, percent / 100, 0.95) for percent in PERCENTILES]
        values = (quantity(1000 * b.estimate, "") if b.high is not None else "too few calls" for b in bounds)
        rows.append((hand.name, count(len(seconds)), *values))
    if not lines:
        return None
    batch = ", ".join(str(batch) for batch in sorted({batches[hand.name] for hand, _ in lines}))
    header = ("Variant", "Calls", *(f"p{percent:g}, ms" for percent in PERCENTILES))
    budget = _budget(scene)
    caption = f"Milliseconds a call at batch {batch}, encode and decode included; the axis stretches the slow end."
    caption += " The budget is the stairs to stay under." if budget else ""
    seen = [(hand.name, latency.noise) for hand, latency in scene.measured("latency") if latency.noise is not None]
    caption += "".join(f" While {name} was timed, {noise.told}." for name, noise in seen)
    devices = [(hand.name, latency.device) for hand, latency in scene.measured("latency")]
    caption += "".join(_device(name, device) for name, device in devices if device is not None)
    return Drawn(charts.percentiles(lines, budget), caption, PlotTable(header, tuple(rows)))


def _device(name: str, device: DeviceUse | Unmeasured) -> str:
    """Say what the GPU did meanwhile."""
    if isinstance(device, Unmeasured):
        return f" What the device did while {name} was timed is unmeasured: {device.why}."
    told = []
    if device.sm_mhz_mean is not None and device.sm_mhz_limit is not None:
        told.append(f"at {quantity(device.sm_mhz_mean, '')} of {quantity(device.sm_mhz_limit, 'MHz')}")
    if device.watts_mean is not None and device.watts_limit is not None:
        told.append(f"at {quantity(device.watts_mean, '')} of {quantity(device.watts_limit, 'W')}")
    if device.celsius_max is not None:
        told.append(f"at most {device.celsius_max:g} °C")
    if device.throttled:
        told.append(f"held back by {', '.join(device.throttled)}")
    if device.other_processes:
        told.append(f"beside {count(device.other_processes)} other processes")
    elif device.other_processes is None:
        told.append("beside processes that the driver does not tell of here")
    return f" {name} ran on {device.name}{''.join(f', {each}' for each in told)}."


def under_load(scene: Scene) -> Drawn | None:
    """Draw every percentile of responses under a replica's share of the peak, each from when its request was due."""
    lines, rows = [], []
    for hand, load in scene.measured("load"):
        answered = [1000 * second for second in load.responses if math.isfinite(second)]
        if not answered:
            continue
        lines.append((hand, answered))
        bounds = [bound_under_load(load, percent / 100, 0.95) for percent in PERCENTILES]
        rate = f"{quantity(load.share_per_second, '')} of {quantity(load.peak_per_second, '')}"
        rows.append((hand.name, count(load.requests), count(load.lost), rate, *map(_bounded, bounds)))
    if not lines:
        return None
    replayed = any(load.arrivals.process == "replay" for _, load in scene.measured("load"))
    header = ("Variant", "Requests", "Lost", "A second", *(f"p{percent:g}, ms" for percent in PERCENTILES))
    caption = (
        "Milliseconds from when a request was due to its answer, on one replica at its share of the peak; requests"
    )
    caption += " come from another process, whether those before are answered or not. The table bounds each at 95%."
    caption += "".join(_crowded(hand.name, load) for hand, load in scene.measured("load"))
    caption += "".join(_disturbed(hand.name, load) for hand, load in scene.measured("load"))
    caption += " They come as they came in the log, drawn together to this rate." if replayed else ""
    return Drawn(charts.percentiles(lines, _budget(scene, loaded=True)), caption, PlotTable(header, tuple(rows)))


def _crowded(variant: str, load: LoadEvidence) -> str:
    """Say at how large a share of the peak the replica was loaded first."""
    if not load.crowded:
        return ""
    return (
        f" {variant} did not keep its budget, or was busier than planned, at {quantity(load.crowded[0].rate, '')} a second, "
        f"so the peak is spread over {count(load.carrying)} replicas."
    )


def _disturbed(variant: str, load: LoadEvidence) -> str:
    """Say that a look was taken anew, since other processes took the cores."""
    if not load.disturbed:
        return ""
    most = max(run.other_load or 0.0 for run in load.disturbed)
    return f" {variant} was loaded anew after a look during which other processes took {quantity(most, 'share')} of the cores."


def _bounded(bound: ResponseBound) -> str:
    """Return a percentile with its upper bound, in milliseconds; one that was not reached has none."""
    if not math.isfinite(bound.estimate):
        return "not answered"
    high = math.inf if bound.high is None else bound.high
    most = f"at most {quantity(1000 * high, '')}" if math.isfinite(high) else "no bound"
    return f"{quantity(1000 * bound.estimate, '')}, {most}"


def _budget(scene: Scene, *, loaded: bool = False) -> dict[float, float]:
    """Return the budget that single calls, or requests under load, were held to: milliseconds by percentile."""
    budget = {}
    for check in (check for result in scene.results("latency-slo") for check in result.checks):
        named = re.search(r"\bp(\d+(?:\.\d+)?)\b", check.name)
        if named and check.limit is not None and check.unit == "ms" and ("under load" in check.name) == loaded:
            budget[float(named[1])] = check.limit
    return budget


def _over_batches(
    scene: Scene, value: Callable[[int, float], float], unit: str, caption: str, *, log: bool
) -> Drawn | None:
    lines = []
    for hand, latency in scene.measured("latency"):
        medians = {
            times.batch: value(times.batch, quantile_interval(times.seconds, 0.5, 0.95).estimate)
            for times in sorted(latency.batches, key=lambda times: times.batch)
            if times.seconds
        }
        if medians:
            lines.append((hand, medians))
    if not lines:
        return None
    return Drawn(charts.by_batch(lines, unit, log=log), caption, batch_numbers(lines, unit, lambda v: quantity(v, "")))


def batch_numbers(lines: list[tuple[Hand, dict[int, float]]], unit: str, text: Callable[[float], str]) -> PlotTable:
    """Return a table of one value a batch size and variant."""
    batches = sorted({batch for _, values in lines for batch in values})
    rows = [(str(b), *(text(v[b]) if b in v else NOTHING for _, v in lines)) for b in batches]
    return PlotTable(("Batch", *(f"{hand.name}, {unit}" for hand, _ in lines)), tuple(rows))


def by_batch(scene: Scene) -> Drawn | None:
    """Draw the median of a call at each batch size; the table has its parts, and what padding makes of an item."""
    caption = "Median milliseconds of one call, encode and decode included. The table has their parts."
    drawn = _over_batches(scene, lambda _, seconds: 1000 * seconds, "ms", caption, log=True)
    rows = [
        (
            f"{hand.name}, {times.batch}",
            count(len(times.seconds)),
            quantity(1000 * median(times.seconds), ""),
            *(_part(times, part) for part in PARTS),
            NOTHING if times.elements is None else quantity(times.elements, ""),
        )
        for hand, latency in scene.measured("latency")
        for times in sorted(latency.batches, key=lambda times: times.batch)
        if times.seconds
    ]
    header = ("Variant, batch", "Calls", "Call, ms", *(f"{part}, ms" for part in PARTS), "Encoded values an item")
    return drawn and drawn._replace(numbers=PlotTable(header, tuple(rows)))


def _part(times: BatchTimes, name: str) -> str:
    """Return a part's median, and its p99 where there is one."""
    found = next((part for part in times.parts if part.part == name), None)
    if found is None:
        return NOTHING
    tail = "" if found.p99_ms is None else f", p99 {quantity(found.p99_ms, '')}"
    return quantity(found.median_ms, "") + tail


def throughput(scene: Scene) -> Drawn | None:
    """Draw the requests a second at each batch size."""
    caption = "Requests a second of one process: the batch size over the median time of a call."
    return _over_batches(scene, lambda batch, seconds: batch / seconds, "requests/s", caption, log=False)


def by_length(scene: Scene) -> Drawn | None:
    """Draw how long an answer of so many output steps takes, of models that answer in steps."""
    lines, rows = [], []
    for hand, latency in scene.measured("latency"):
        if not latency.steps:
            continue
        lines.append((hand, [(each.steps, _whole(each)) for each in latency.steps]))
        rows += [
            (
                f"{hand.name}, {each.steps}",
                count(each.calls),
                quantity(each.first_step_ms, ""),
                NOTHING if each.step_ms is None else quantity(each.step_ms, ""),
            )
            for each in latency.steps
        ]
    if not lines:
        return None
    caption = "Median milliseconds until the last output step of a single answer, by how many steps it takes."
    header = ("Variant, steps", "Calls", "First step, ms", "Each one after it, ms")
    return Drawn(charts.by_steps(lines), caption, PlotTable(header, tuple(rows)))


def _whole(times: StepTimes) -> float:
    return times.first_step_ms + (times.steps - 1) * (times.step_ms or 0.0)


def cold_start(scene: Scene) -> Drawn | None:
    """Draw the phases of a fresh process up to its first answer."""
    bars, rows = [], []
    for hand, found in scene.measured("cold_start"):
        if not found.starts:
            continue
        phases = {
            phase: median(getattr(start, f"{phase.replace(' ', '_')}_seconds") for start in found.starts)
            for phase in PHASES
        }
        bars.append((hand, phases))
        warm = [start.calls_ms[0] for start in found.starts if start.warmed and start.calls_ms]
        rows.append(
            (
                hand.name,
                count(len(found.starts)),
                *(quantity(seconds, "") for seconds in phases.values()),
                quantity(median(start.ready_seconds for start in found.starts), ""),
                quantity(max(warm), "") if warm else NOTHING,
            )
        )
    if not bars:
        return None
    caption = "Seconds of a fresh process until its first answer, medians of its phases."
    header = ("Variant", "Processes", *(f"{phase}, s" for phase in PHASES), "Ready, s", "First answer once warm, ms")
    return Drawn(charts.phases(bars), caption, PlotTable(header, tuple(rows)))
