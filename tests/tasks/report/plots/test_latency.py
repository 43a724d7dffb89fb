"""The plots of latency, and what is told beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.decision.policy import load_policy
from tasks.evidence import Evidence, LatencyEvidence, StepTimes
from tasks.report.numbers import NOTHING
from tasks.report.plots import gallery as plots
from tasks.report.plots.latency import _budget
from tasks.report.plots.scene import Scene

if TYPE_CHECKING:
    from tasks.core.verdicts import Decision
    from tasks.report.plots.gallery import Plot


def test_latency_plot_shows_the_budget_of_the_policy(rejected: tuple[Evidence, Decision]) -> None:
    """The stairs in the latency plot are the limits that the decision was held to."""
    limits: Any = load_policy("standard").limits()["latency-slo"]
    budget = {50: limits.p50_ms, 90: limits.p90_ms, 95: limits.p95_ms, 99: limits.p99_ms, 99.9: limits.p999_ms}
    assert _budget(Scene(*rejected)) == budget


def test_the_machine_is_told_beside_the_latency(drawn: list[Plot]) -> None:
    """What else ran, and how steady a fixed piece of work was, stands under the plot; parts and padding in the table."""
    named = {plot.name: plot for plot in drawn}
    assert "While fp32 was timed, other processes took 2% of the cores and the p99 of" in named["latency"].caption
    table = named["latency-by-batch"].numbers
    assert table is not None
    assert table.header[2:] == ("Call, ms", "encode, ms", "session, ms", "decode, ms", "Encoded values an item")
    assert table.rows[0][0] == "fp32, 1"
    starts = named["cold-start"].numbers
    assert starts is not None
    assert starts.rows[0][1:7] == ("5", "0.1", "1.2", "0.4", "0.054", "1.75")


def test_a_replica_that_was_too_busy_is_told_beside_the_load(drawn: list[Plot]) -> None:
    """At which rate it was loaded first, and over how many the peak is spread instead."""
    caption = next(plot.caption for plot in drawn if plot.name == "under-load")
    assert "fp32 did not keep its budget, or was busier than planned, at 60 a second" in caption
    assert "so the peak is spread over 3 replicas." in caption
    assert "fp32 was loaded anew after a look during which other processes took 31% of the cores." in caption


def test_output_steps_are_drawn_of_models_that_have_some(rejected: tuple[Evidence, Decision]) -> None:
    """First step and each one after it, by how many an answer took."""
    evidence, decision = rejected
    steps = (
        StepTimes(steps=1, calls=9, first_step_ms=7, step_ms=None),
        StepTimes(steps=4, calls=3, first_step_ms=7, step_ms=2),
    )
    first = evidence.variants[0]
    assert isinstance(first.latency, LatencyEvidence)
    stepped = first.model_copy(update={"latency": first.latency.model_copy(update={"steps": steps})})
    drawn = plots.all_plots(evidence.model_copy(update={"variants": (stepped, *evidence.variants[1:])}), decision)
    (plot,) = (plot for plot in drawn if plot.name == plots.BY_LENGTH)
    assert plot.numbers is not None
    assert plot.numbers.rows == (("fp32, 1", "9", "7", NOTHING), ("fp32, 4", "3", "7", "2"))
