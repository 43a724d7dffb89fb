"""The page of a launch: whole, safe, and without a number that was not measured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from support.report_example import launch
from support.report_pages import PLOTS, Page, html, parsed, tally, with_slices, words

from tasks.core.run_folder import RunFolder
from tasks.evidence import Evidence, Slice, Unmeasured
from tasks.gates import GATES
from tasks.report import numbers
from tasks.report.forecast import forecast
from tasks.report.page import page
from tasks.report.write import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.verdicts import Decision
    from tasks.report.plots.gallery import Plot

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


def without(evidence: Evidence, *stages: str) -> Evidence:
    """Return evidence whose variants have no result of the given stages."""
    variants = tuple(
        each.model_copy(update={stage: Unmeasured(stage=stage, why=f"{stage} was skipped") for stage in stages})
        for each in evidence.variants
    )
    return evidence.model_copy(update={"variants": variants})


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


def test_what_moved_since_the_evaluation_set_is_on_the_page(rejected: tuple[Evidence, Decision]) -> None:
    """Each input with its distance, and the values that moved most with their shares before and now."""
    seen = words(rejected)
    assert "characters of text 9.0% at most 80: 52.0% to 43.0%" in seen
    assert "label 1.0% nothing" in seen


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


def test_report_of_the_same_launch_is_the_same(rejected: tuple[Evidence, Decision], drawn: list[Plot]) -> None:
    """Two reports of one launch are equal to the byte."""
    assert html(*rejected) == page(*rejected, drawn)
