"""What holds for every gate: it says what it does, passes clean evidence, and never passes evidence that is not there."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from support.data_evidence import drift, quality, review, sample
from support.gate_evidence import ABSENT, determinism, launch, variant
from support.gate_limits import LIMITS, judge, limits
from support.score_evidence import calibration, confident, evaluation, paired_tally, robustness, scores, tally
from support.speed_evidence import cold_start, latency, load, memory

from tasks.decision.policy import load_policy
from tasks.evidence import Evidence, Reliability, VariantEvidence
from tasks.gates import GATE_MODULES, GATES

WEEKS = {"week 1-2", "week 3-4", "week 5-6", "week 7-8", "week 9-10", "week 11-12"}
HOUSE = ("standard", "selftest")
LAUNCH_PARTS = ("sample", "production_quality", "evaluation_quality", "drift", "dependencies", "export", "review")
VARIANT_PARTS = (
    "provider",
    "evaluation",
    "calibration",
    "label_free",
    "latency",
    "load",
    "champion_latency",
    "cold_start",
    "determinism",
    "robustness",
    "memory",
    "cost",
)


def clean(gate: str) -> Evidence | VariantEvidence:
    """Return evidence of the gate's scope in which everything is well."""
    return launch() if GATES[gate].SCOPE == "launch" else variant("int8")


@pytest.mark.parametrize("gate", GATES)
def test_a_gate_says_what_it_is(gate: str) -> None:
    """Every gate has a name that mirrors its file, a checklist week, a scope, and says what it needs and decides."""
    module = GATES[gate]
    assert module.NAME.replace("-", "_") in GATE_MODULES
    assert module.CHECKLIST in WEEKS
    assert module.SCOPE in ("launch", "variant")
    assert module.NEEDS
    assert module.DECIDES.startswith("whether ")
    assert module.__doc__


@pytest.mark.parametrize("gate", GATES)
def test_every_limit_is_documented_and_has_no_default(gate: str) -> None:
    """A number that can reject stands in the policy, so no gate brings one of its own; one left out asks nothing."""
    fields = {name: field for name, field in GATES[gate].Limits.model_fields.items() if name not in
              ("severity", "confidence")}  # fmt: skip
    assert {name for name, field in fields.items() if field.is_required()} == set(LIMITS[gate])
    assert all(field.is_required() or field.default is None for field in fields.values())
    assert all(field.description for field in fields.values())


@pytest.mark.parametrize("gate", GATES)
def test_clean_evidence_passes(gate: str) -> None:
    """A launch in which everything is well passes each gate, and every check says so."""
    result = judge(gate, clean(gate))
    assert (result.outcome, result.because[0].isupper()) == ("pass", True)
    assert {check.outcome for check in result.checks} == {"pass"}


@pytest.mark.parametrize("policy", HOUSE)
@pytest.mark.parametrize("gate", GATES)
def test_clean_evidence_passes_the_house_policies(gate: str, policy: str) -> None:
    """Each limit of a house policy can be met."""
    assert GATES[gate].judge(clean(gate), load_policy(policy).limits()[gate]).outcome == "pass"


@pytest.mark.parametrize("gate", GATES)
def test_absent_evidence_is_unmeasured(gate: str) -> None:
    """Where no stage has a result, every gate is unmeasured and gives the stage's reason."""
    if GATES[gate].SCOPE == "launch":
        nothing: Any = launch(variants=(), **dict.fromkeys(LAUNCH_PARTS, ABSENT))
    else:
        nothing = variant("int8", **dict.fromkeys(VARIANT_PARTS, ABSENT))
    result = judge(gate, nothing)
    assert result.outcome == "unmeasured"
    assert "the machine was on fire" in result.because
    assert (result.observed, result.bound, result.limit) == (None, None, None)


@pytest.mark.parametrize("gate", GATES)
def test_empty_evidence_never_passes(gate: str) -> None:
    """Stages that looked at nothing pass no gate; what is known of cost and provider has gates' tests of their own."""
    nothing = evaluation(
        evaluation=scores("evaluation", tally(0, 0)),
        production=scores("production", tally(0, 0), label_coverage=(), label_shift=None),
        against_reference=evaluation().against_reference.model_copy(update={"overall": paired_tally(0, 0, 0, rows=0)}),
    )
    nothing = nothing.model_copy(update={"against_champion": nothing.against_reference})
    empty = variant(
        "int8",
        evaluation=nothing,
        calibration=calibration(
            served=Reliability(rows=0, brier=0, bins=()), risk_coverage=(), confident_errors=(confident(0, 0),)
        ),
        latency=latency().model_copy(update={"batches": ()}),
        load=load().model_copy(update={"runs": ()}),
        cold_start=cold_start().model_copy(update={"starts": ()}),
        determinism=determinism(repeats=(), batches=()),
        robustness=robustness(rows=0, kinds=()),
        memory=memory(peaks=(), soak_rss=(), soak_python=(), soak_native=()),
        provider=variant().provider.model_copy(update={"nodes": {}, "node_seconds": {}}),
        cost=ABSENT,
    )
    whole = launch(
        sample=sample(rows=0, labelled_rows=0, log_rows=0, malformed_rows=0),
        production_quality=quality("production", rows=0, evaluated_expectations=0, results=()),
        evaluation_quality=quality("evaluation", rows=0, evaluated_expectations=0, results=()),
        drift=drift(),
        dependencies=launch().dependencies.model_copy(update={"imported": {}}),
        export=launch().export.model_copy(update={"parity": ()}),
        review=review(sample_rows=0, rows=0, readable_rows=0, kinds=()),
        variants=(empty,),
    )
    result = judge(gate, whole if GATES[gate].SCOPE == "launch" else empty)
    assert result.outcome in ("fail", "unmeasured")


@pytest.mark.parametrize("gate", GATES)
def test_a_result_carries_its_gate_and_its_deciding_check(gate: str) -> None:
    """The numbers of a result are those of one of its checks."""
    evidence = clean(gate)
    result = judge(gate, evidence, severity="warn", confidence=0.9)
    assert (result.gate, result.severity, result.confidence) == (gate, "warn", 0.9)
    assert result.checklist == GATES[gate].CHECKLIST
    assert result.variant == (evidence.name if isinstance(evidence, VariantEvidence) else None)
    numbers = [(one.observed, one.bound, one.limit, one.unit) for one in result.checks]
    assert (result.observed, result.bound, result.limit, result.unit) in numbers


@pytest.mark.parametrize("gate", [name for name in GATES if name != "pinned-dependencies"])
def test_limits_refuse_a_negative_number(gate: str) -> None:
    """No limit makes sense below zero."""
    for name in LIMITS[gate]:
        with pytest.raises(ValidationError, match=name):
            limits(gate, **{name: -1})
