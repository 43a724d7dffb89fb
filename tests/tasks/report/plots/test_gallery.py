"""The plots of a launch: valid wherever they stand, and left out where there is nothing to draw."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from support.report_example import HOSTILE
from support.report_pages import Page, html, parsed, tally, with_slices

from tasks.evidence import (
    BatchTimes,
    ColdStartEvidence,
    Evidence,
    LatencyEvidence,
    LoadEvidence,
    Slice,
    Unmeasured,
)
from tasks.report.plots import gallery as plots
from tasks.report.plots.axes import LONGEST_LABEL
from tasks.report.plots.svg import ROLES

if TYPE_CHECKING:
    import pytest

    from tasks.core.verdicts import Decision
    from tasks.report.plots.gallery import Plot


def test_slices_with_odd_names_are_drawn(rejected: tuple[Evidence, Decision], recwarn: pytest.WarningsRecorder) -> None:
    """Formulas, control characters, emoji, other scripts, long and empty names give valid SVG and no warning."""
    evidence, decision = rejected
    names = ("$x^{2$", "a\x00b\x1b[31m", "🙂🙃", "日本語の長い名前", "שלום", "x" * 400, "", "a & b", HOSTILE)
    evidence = with_slices(
        evidence, tuple(Slice(column="c", value=name, label_share=0.1, tally=tally(300)) for name in names)
    )
    drawn = {plot.name: plot for plot in plots.all_plots(evidence, decision)}["slices"]
    texts = [element.text for element in parsed(drawn.alone).iter() if element.tag.endswith("text")]
    assert "c = $x^{2$" in texts
    assert "c = a·b·[31m" in texts
    assert any(text and text.startswith("c = xxx") and len(text) == LONGEST_LABEL for text in texts)
    assert not [warning for warning in recwarn if "lyph" in str(warning.message)]


def test_empty_measurements_leave_their_plot_out(rejected: tuple[Evidence, Decision]) -> None:
    """A stage that ran and timed nothing, saw no label or took no peak gives a sentence instead of an empty plot."""
    evidence, decision = rejected
    variants = []
    for each in with_slices(evidence, ()).variants:
        assert isinstance(each.latency, LatencyEvidence)
        latency = each.latency.model_copy(update={"batches": (BatchTimes(batch=1, seconds=()),)})
        memory: Any = each.memory
        assert isinstance(each.cold_start, ColdStartEvidence)
        assert isinstance(each.load, LoadEvidence)
        load = each.load.model_copy(update={"runs": (), "curve": ()})
        starts = each.cold_start.model_copy(update={"starts": ()})
        if not isinstance(memory, Unmeasured):
            memory = memory.model_copy(update={"peaks": (), "soak_rss": ()})
        variants.append(
            each.model_copy(
                update={
                    "latency": latency,
                    "load": load,
                    "cold_start": starts,
                    "memory": memory,
                }
            )
        )
    evidence = evidence.model_copy(update={"variants": tuple(variants)})
    drawn = {plot.name for plot in plots.all_plots(evidence, decision) if plot.svg}
    assert drawn == {"evaluation-production", "cost", "reliability", "risk-coverage"}
    assert "no call was timed" in Page(html(evidence, decision)).words


def test_plots_follow_the_page_and_stand_alone(drawn: list[Plot]) -> None:
    """In the page every colour is a variable; in a file none is; nowhere is one of the stand-in colours left."""
    sentinels = [sentinel for sentinel, _ in ROLES.values()]
    for plot in drawn:
        assert "var(--ink)" in plot.svg
        assert not re.search(r"#[0-9a-f]{6}\b", plot.svg)
        assert "var(" not in plot.alone
        assert not any(sentinel in plot.alone for sentinel in sentinels)
        root = parsed(plot.alone)
        assert root.get("role") == "img"
        assert [root[0].tag.split("}")[1], root[0].text] == ["title", plot.title]
        assert [root[1].tag.split("}")[1], root[1].text] == ["desc", plot.caption]


def test_a_variant_looks_the_same_in_every_plot(drawn: list[Plot]) -> None:
    """A variant keeps its colour where an earlier one is left out, and the plot says who is missing and why."""
    named = {plot.name: plot for plot in drawn}
    assert "var(--series-1)" in named["cost"].svg
    assert "var(--series-1)" not in named["memory-soak"].svg
    assert "var(--series-3)" in named["memory-soak"].svg
    assert named["memory-soak"].left_out == ("fp32: the serving process was killed after 900 s",)


def test_many_slices_show_the_lowest_and_list_all(rejected: tuple[Evidence, Decision]) -> None:
    """Of forty slices the plot draws the lowest and says so; the table of its numbers has all forty."""
    evidence, decision = rejected
    many = tuple(
        Slice(column="city", value=f"c{i:02d}", label_share=0.02, tally=tally(400, 200 + i)) for i in range(40)
    )
    drawn = {plot.name: plot for plot in plots.all_plots(with_slices(evidence, many), decision)}["slices"]
    assert "18 lowest of 40 slices" in drawn.caption
    assert drawn.numbers is not None
    assert len(drawn.numbers.rows) == 40
    assert drawn.numbers.rows[0][0] == "city = c00"
    assert "city = c17" in drawn.svg
    assert "city = c18" not in drawn.svg
