"""The report page and its plots: complete, self-contained, safe with hostile data, and honest about what is missing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.report_example import HOSTILE, launch
from support.review_example import LONG, review_rows, write_review

from tasks.core.run_folder import RunFolder
from tasks.decision.policy import load_policy
from tasks.evaluation.review import read_review
from tasks.evidence import (
    BatchTimes,
    CapacityEvidence,
    ColdStartEvidence,
    Evidence,
    LatencyEvidence,
    LoadEvidence,
    Slice,
    StepTimes,
    Tally,
    Unmeasured,
)
from tasks.gates import GATES
from tasks.report import numbers
from tasks.report.forecast import forecast
from tasks.report.numbers import NOTHING
from tasks.report.page import HERE, page
from tasks.report.plots import charts
from tasks.report.plots import gallery as plots
from tasks.report.plots.axes import LONGEST_LABEL
from tasks.report.plots.latency import _budget
from tasks.report.plots.scene import Scene
from tasks.report.plots.series import hand_of
from tasks.report.plots.svg import ROLES
from tasks.report.review_section import LONGEST, passage
from tasks.report.write import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.verdicts import Decision
    from tasks.report.plots.gallery import Plot

MOST_BYTES = 3_000_000
PLOTS = [
    "evaluation-production",
    "latency",
    "under-load",
    "latency-by-rate",
    "slices",
    "cost",
    "reliability",
    "risk-coverage",
    "latency-by-batch",
    "throughput-by-batch",
    "cold-start",
    "memory-by-batch",
    "memory-soak",
]
STAGES = (
    "provider",
    "evaluation",
    "calibration",
    "label_free",
    "latency",
    "load",
    "capacity",
    "cold_start",
    "determinism",
    "memory",
    "cost",
)
VOID = {"meta", "br", "input", "link", "img", "hr"}


class Page(HTMLParser):
    """What a browser would see of a page: elements with their attributes, and the text outside of style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close an element; what was opened inside it must be closed by now."""
        if tag not in VOID and tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Gather text."""
        if "style" not in self._open:
            self.text += f" {data}"

    def values(self, attribute: str) -> list[str]:
        """Return every value of an attribute, in order."""
        return [attrs[attribute] or "" for _, attrs in self.elements if attribute in attrs]

    @property
    def words(self) -> str:
        """The text with each run of blanks as one."""
        return " ".join(self.text.split())


@pytest.fixture(scope="module", params=["promote", "reject"])
def launched(request: pytest.FixtureRequest) -> tuple[Evidence, Decision]:
    """Return a launch that was promoted, and one that was rejected."""
    return launch(request.param)


@pytest.fixture(scope="module")
def shown(launched: tuple[Evidence, Decision]) -> str:
    """Return the page of each launch."""
    return html(*launched)


@pytest.fixture(scope="module")
def rejected() -> tuple[Evidence, Decision]:
    """Return a launch that was rejected."""
    return launch("reject")


@pytest.fixture(scope="module")
def drawn(rejected: tuple[Evidence, Decision]) -> list[Plot]:
    """Return the plots of the launch that was rejected."""
    return plots.all_plots(*rejected)


def html(evidence: Evidence, decision: Decision) -> str:
    """Return the page of a launch."""
    return page(evidence, decision, plots.all_plots(evidence, decision))


def words(launched: tuple[Evidence, Decision]) -> str:
    """Return the text of a launch's page without its plots."""
    return Page(page(*launched, [])).words


def with_review(launched: tuple[Evidence, Decision], drawn: list[Plot], path: Path) -> str:
    """Return the page of a launch with the requests to read that are in a file."""
    return page(*launched, drawn, read_review(path))


def without(evidence: Evidence, *stages: str) -> Evidence:
    """Return evidence whose variants have no result of the given stages."""
    variants = tuple(
        each.model_copy(update={stage: Unmeasured(stage=stage, why=f"{stage} was skipped") for stage in stages})
        for each in evidence.variants
    )
    return evidence.model_copy(update={"variants": variants})


def with_slices(evidence: Evidence, slices: tuple[Slice, ...]) -> Evidence:
    """Return evidence whose variants have other slices in production."""
    variants = []
    for each in evidence.variants:
        assert not isinstance(each.evaluation, Unmeasured)
        production = each.evaluation.production.model_copy(update={"slices": slices})
        evaluation = each.evaluation.model_copy(update={"production": production})
        variants.append(each.model_copy(update={"evaluation": evaluation}))
    return evidence.model_copy(update={"variants": tuple(variants)})


def test_report_is_one_small_file_beside_its_plots(launched: tuple[Evidence, Decision], tmp_path: Path) -> None:
    """The report is the page that was asked for, under 3 MB, and each plot as a file of its own."""
    out = write_report(*launched, RunFolder(tmp_path / "run"))
    assert out == tmp_path / "run" / "report.html"
    assert 20_000 < out.stat().st_size < MOST_BYTES
    assert sorted(path.name for path in (tmp_path / "run" / "plots").iterdir()) == sorted(f"{n}.svg" for n in PLOTS)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"report.html", "plots"}


def test_page_fetches_nothing(shown: str) -> None:
    """The page holds no script, image, style sheet or address, and forbids the browser to fetch any."""
    seen = Page(shown)
    assert not {"script", "link", "img", "iframe", "object", "image", "base", "form"} & {
        tag for tag, _ in seen.elements
    }
    assert not seen.values("src")
    assert all(value.startswith("#") for value in seen.values("href") + seen.values("xlink:href"))
    policy = next(attrs["content"] for _, attrs in seen.elements if attrs.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "url(http" not in shown
    assert "@import" not in shown


def test_ids_are_unique_and_every_reference_has_its_target(shown: str) -> None:
    """No two elements share an id, across all plots too, and every link, clip path and label leads somewhere."""
    seen = Page(shown)
    ids = seen.values("id")
    assert len(ids) == len(set(ids))
    wanted = {value[1:] for value in seen.values("href") + seen.values("xlink:href")}
    wanted |= {
        part
        for name in ("aria-labelledby", "aria-describedby")
        for value in seen.values(name)
        for part in value.split()
    }
    wanted |= set(re.findall(r"url\(#([^)]+)\)", shown))
    assert len(wanted) > len(PLOTS)
    assert wanted <= set(ids)


def test_verdict_comes_first(launched: tuple[Evidence, Decision], shown: str) -> None:
    """The sections stand in the order in which they are asked for, and the verdict's words are the first heading."""
    _, decision = launched
    seen = Page(shown)
    sections = [attrs["id"] for tag, attrs in seen.elements if tag == "section"]
    assert sections == ["verdict", "numbers", "matrix", "gates", "measurements", "review", "data", "provenance"]
    headings = [tag for tag, _ in seen.elements if tag in ("h1", "h2", "h3", "h4")]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    verdict = "Reject" if decision.outcome == "reject" else "Promote int8-static"
    assert verdict in seen.words.split("Key numbers")[0]


def test_every_gate_shows_its_numbers_and_its_sentence(launched: tuple[Evidence, Decision], shown: str) -> None:
    """Each gate is on the page once, with every result's sentence, every check's sentence and the words of its outcome."""
    _, decision = launched
    seen = Page(shown)
    assert sorted(seen.values("data-gate")) == sorted({result.gate for result in decision.gates})
    squeezed = seen.words
    for result in decision.gates:
        assert " ".join(result.because.split()) in squeezed
        assert numbers.plain(result.observed, result.unit) in squeezed
        for check in result.checks:
            assert " ".join(check.because.split()) in squeezed
    for word in {result.outcome for result in decision.gates}:
        assert f" {word} " in squeezed


def test_all_reasons_are_on_the_page_in_order(rejected: tuple[Evidence, Decision]) -> None:
    """A reject says all its reasons, in the decision's order, before any number."""
    _, decision = rejected
    assert len(decision.reasons) > 4
    verdict = words(rejected).split("Key numbers")[0]
    sentences = [" ".join(reason.split(": ", 2)[2].split()) for reason in decision.reasons]
    places = [verdict.index(sentence) for sentence in sentences]
    assert places == sorted(places)


def test_key_numbers_are_those_of_the_chosen_variant() -> None:
    """A promoted variant's accuracy with its interval, latency, cost and memory stand under the verdict."""
    evidence, decision = launch("promote")
    chosen = next(each for each in evidence.variants if each.name == decision.variant)
    top = words((evidence, decision)).split("Key numbers", 2)[2].split("Measure")[0]
    for measure in forecast(chosen):
        if measure.name != "evaluation-accuracy":
            assert f"{measure.label} {measure.text} {measure.note}" in top


def test_hostile_text_is_only_text(rejected: tuple[Evidence, Decision], tmp_path: Path) -> None:
    """Markup in a slice's name, a sentence, a reason, an address or a package name never becomes an element."""
    evidence, decision = rejected
    attack = "</style></title></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"'"
    evidence = with_slices(evidence, (Slice(column=attack, value=attack, label_share=0.1, tally=tally(500)),))
    assert not isinstance(evidence.sample, Unmeasured)
    sample = evidence.sample.model_copy(
        update={"source": attack, "by_status": {attack: 4}, "malformed_examples": (attack,)}
    )
    environment = evidence.environment.model_copy(update={"packages": {attack: attack}, "cpu": attack})
    evidence = evidence.model_copy(update={"sample": sample, "environment": environment})
    gates = tuple(result.model_copy(update={"because": attack, "unit": attack}) for result in decision.gates)
    decision = decision.model_copy(update={"candidate": attack, "reasons": (attack, attack), "gates": gates})
    seen = Page(write_report(evidence, decision, RunFolder(tmp_path)).read_text(encoding="utf-8"))
    assert not {"script", "img"} & {tag for tag, _ in seen.elements}
    assert not any(name.startswith("on") for _, attrs in seen.elements for name in attrs)
    assert attack in seen.text
    for path in (tmp_path / "plots").iterdir():
        assert not any(element.tag.endswith("script") for element in parsed(path.read_text(encoding="utf-8")).iter())


def test_requests_to_read_are_on_the_page(
    rejected: tuple[Evidence, Decision], drawn: list[Plot], tmp_path: Path
) -> None:
    """Each request is there once, with its text, its label and every variant's answer, and markup in it is text."""
    write_review(tmp_path)
    shown = with_review(rejected, drawn, RunFolder(tmp_path).review)
    seen = Page(shown)
    for row in review_rows():
        assert seen.words.count(f" {row.id} · ") == 1
    assert "<script>alert('read')</script> & <b>bold</b>" in seen.text
    assert not {"script", "b"} & {tag for tag, _ in seen.elements}
    assert "Random (40)" in seen.words
    assert "int8-static positive 93.0% (wrong)" in seen.words
    assert "feedback not helpful" in seen.words
    assert "no value" in seen.words
    assert len(shown.encode()) < MOST_BYTES


def test_requests_that_are_not_beside_the_report_are_named(rejected: tuple[Evidence, Decision]) -> None:
    """A page that is made elsewhere says where they are."""
    assert "They are in review.jsonl of the run." in words(rejected)


@pytest.mark.parametrize("count", [1, 5000])
def test_many_long_texts_stay_within_the_page(
    rejected: tuple[Evidence, Decision], drawn: list[Plot], tmp_path: Path, count: int
) -> None:
    """However many and however long, the report stays under 3 MB, and it says what it leaves out."""
    first = review_rows()[0].model_copy(update={"inputs": {"text": "<&\"'" * 5000}})
    lines = [first.model_copy(update={"id": f"r{at}"}).model_dump_json() for at in range(count)]
    (RunFolder(tmp_path).review).write_text("\n".join(lines))
    shown = with_review(rejected, drawn, RunFolder(tmp_path).review)
    assert len(shown.encode()) < MOST_BYTES
    assert "characters are left out here" in shown


def test_many_columns_stand_in_lines(rejected: tuple[Evidence, Decision], drawn: list[Plot], tmp_path: Path) -> None:
    """Eighty numbers a request are shown by name, a long text among them on its own, and the report stays under 3 MB."""
    inputs = {"comment": "word " * 100, **{f"amount {at}": f"{at}.123456" for at in range(80)}}
    lines = [
        row.model_copy(update={"id": f"{row.id}-{copy}", "inputs": inputs}).model_dump_json()
        for row in review_rows()
        for copy in range(9)
    ]
    (RunFolder(tmp_path).review).write_text("\n".join(lines))
    shown = with_review(rejected, drawn, RunFolder(tmp_path).review)
    assert len(shown.encode()) < MOST_BYTES
    seen = Page(shown)
    assert "amount 79 79.123456" in seen.words
    assert " of 360)" in seen.words


def test_a_long_text_folds_between_words() -> None:
    """What is seen and what unfolds make up the text, and a text of one word folds too."""
    found = passage("text", LONG, LONGEST)
    assert found.head + found.tail == LONG[:LONGEST]
    assert found.left_out == max(0, len(LONG) - LONGEST)
    assert found.tail.startswith(" ")
    assert len(passage("text", "a" * 700, LONGEST).head) < 300


def test_what_moved_since_the_evaluation_set_is_on_the_page(rejected: tuple[Evidence, Decision]) -> None:
    """Each input with its distance, and the values that moved most with their shares before and now."""
    seen = words(rejected)
    assert "characters of text 9.0% at most 80: 52.0% to 43.0%" in seen
    assert "label 1.0% nothing" in seen


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


def test_unmeasured_is_said_and_never_a_zero(rejected: tuple[Evidence, Decision], tmp_path: Path) -> None:
    """With no stage measured, each number is `unmeasured`, each plot is a sentence with the reason, and no file is drawn."""
    evidence, decision = rejected
    evidence = without(evidence, *STAGES)
    lacking = {
        name: Unmeasured(stage=name, why=f"{name} was not there", crashed=True)
        for name in ("sample", "production_quality", "evaluation_quality", "drift", "dependencies", "export", "review")
    }
    evidence = evidence.model_copy(update=lacking)
    seen = Page(write_report(evidence, decision, RunFolder(tmp_path)).read_text(encoding="utf-8"))
    table = seen.words.split("Key numbers", 2)[2].split("Gates by variant")[0]
    assert table.count("unmeasured") == sum(len(forecast(each)) for each in evidence.variants)
    assert not any(tag == "path" and "plot-" in str(attrs.get("id")) for tag, attrs in seen.elements)
    assert seen.words.count("No variant has a measurement of this") == len(PLOTS)
    assert not list((tmp_path / "plots").iterdir())
    for name in lacking:
        assert f"{name} was not there (the stage crashed)" in seen.words
    assert "fp32: latency was skipped" in seen.words
    assert "fp32 cost, int8-dynamic cost, int8-static cost: cost was skipped" in seen.words


def test_launch_without_variants_has_a_report(rejected: tuple[Evidence, Decision]) -> None:
    """A launch whose export failed has gates of the whole launch only, and a page that says so."""
    evidence, decision = rejected
    evidence = evidence.model_copy(update={"variants": ()})
    gates = tuple(result for result in decision.gates if result.variant is None)
    seen = Page(html(evidence, decision.model_copy(update={"gates": gates, "reasons": ()})))
    assert "No variant came far enough to be measured." in seen.words
    assert "There are no variants." in seen.words
    assert len(seen.values("data-gate")) == len(gates) == sum(gate.SCOPE == "launch" for gate in GATES.values())


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
        load = each.load.model_copy(update={"runs": ()})
        assert isinstance(each.capacity, CapacityEvidence)
        capacity = each.capacity.model_copy(update={"probed": (), "curve": ()})
        starts = each.cold_start.model_copy(update={"starts": ()})
        if not isinstance(memory, Unmeasured):
            memory = memory.model_copy(update={"peaks": (), "soak_rss": ()})
        variants.append(
            each.model_copy(
                update={
                    "latency": latency,
                    "load": load,
                    "capacity": capacity,
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
    """How busy it was, at which rate, and over how many the peak is spread instead."""
    caption = next(plot.caption for plot in drawn if plot.name == "under-load")
    assert "fp32 was busy for 71% of the time at 60 a second, more than planned" in caption
    assert "so the peak is spread over 3 replicas." in caption


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


def test_many_calls_make_a_small_plot_that_keeps_the_worst() -> None:
    """A hundred thousand calls become at most 160 points, of which the last is the slowest call."""
    times = [1 + (call % 997) / 1000 for call in range(100_000)] + [950.0]
    figure = charts.percentiles([(hand_of(0, "fp32"), times)], {})
    (line,) = figure.axes[0].lines
    values = [float(value) for value in np.asarray(line.get_ydata())]
    assert len(values) <= charts.MOST_POINTS
    assert values[-1] == 950
    assert values == sorted(values)


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


def test_report_of_the_same_launch_is_the_same(rejected: tuple[Evidence, Decision], drawn: list[Plot]) -> None:
    """Two reports of one launch are equal to the byte."""
    assert html(*rejected) == page(*rejected, drawn)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast(scheme: str) -> None:
    """Text has at least 4.5:1 against both grounds, and lines at least 3:1 against the page, in light and in dark."""
    style = (HERE / "style.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[scheme == "dark"]))
    for text in ("ink", "muted", "link", "pass", "fail", "inconclusive", "unmeasured"):
        for ground in ("paper", "raised"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (scheme, text, ground)
    for role in ROLES:
        if role.startswith("series") or role == "limit":
            assert contrast(colours[role], colours["paper"]) >= 3, (scheme, role)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, "ms", numbers.NOTHING),
        (0.0, "ms", "0 ms"),
        (14.249, "ms", "14.2 ms"),
        (50.0, "ms", "50 ms"),
        (0.7834, "accuracy", "78.3%"),
        (0.01, "share", "1%"),
        (3.1e-5, "share of RMS", "0.0031% of RMS"),
        (0.00124, "USD", "$0.00124"),
        (12.5, "USD a month", "$12.50 a month"),
        (1234.5, "USD a month", "$1,234 a month"),
        (507_000_000, "bytes", "507 MB"),
        (52.1, "bytes per call", "52.1 B per call"),
        (4000, "requests", "4,000 requests"),
        (2.5e-9, "", "2.50e-09"),
        (-0.0312, "", "-0.0312"),
    ],
)
def test_quantities_read_as_their_unit(value: float | None, unit: str, shown: str) -> None:
    """A number is written as its unit is read, with three digits; nothing measured is a dash."""
    assert numbers.quantity(value, unit) == shown


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_digits_lose_at_most_half_of_the_last_one(value: float) -> None:
    """What is shown is within half a percent of what was measured, at any size."""
    assert float(numbers.digits(value).replace(",", "")) == pytest.approx(value, rel=0.00501)


def parsed(svg: str) -> ET.Element:
    """Return the tree of a plot; raises where it is not XML."""
    return ET.fromstring(svg)  # noqa: S314  written by this test


def tally(rows: int, correct: int = 100) -> Tally:
    """Return a tally with a label on every row."""
    return Tally.counted(rows=rows, labelled=rows, correct=correct, abstained=0, errors=0)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, success criterion 1.4.3)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
