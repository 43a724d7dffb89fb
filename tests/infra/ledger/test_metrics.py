"""Evidence as named numbers, without a store."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ledger_example import PARTS

from infra.ledger.metrics import LONGEST_PART, Point, gate_points, name_part, variant_points
from tasks.core.verdicts import GateResult, Outcome
from tasks.evidence import (
    BatchTimes,
    ChampionLatency,
    ColdStart,
    ColdStartEvidence,
    DeterminismEvidence,
    Difference,
    EvaluationEvidence,
    FirstLaunch,
    LatencyEvidence,
    Lateness,
    Loaded,
    LoadEvidence,
    LoadRun,
    Noise,
    Paired,
    PairedSlice,
    PairedTally,
    PartTimes,
    Perturbed,
    PoissonArrivals,
    Raw,
    Replica,
    RobustnessEvidence,
    Scores,
    Slice,
    StepTimes,
    Tally,
    TurnTimes,
    Unmeasured,
    VariantEvidence,
)

RAW = Raw(path="raw.parquet", sha256="ab" * 32, rows=1)
NOTHING = Unmeasured(stage="any", why="not part of this test")
MLFLOW_ALLOWS = re.compile(r"[\w.\- ]+")


def points(**measured: object) -> dict[tuple[str, int], float]:
    """Return the numbers of a variant of which only `measured` was measured, by name and step."""
    variant = VariantEvidence.model_validate({"name": "fp32", **dict.fromkeys(PARTS, NOTHING), **measured})
    found = list(variant_points(variant))
    assert len({(point.name, point.step) for point in found}) == len(found)
    return {(point.name, point.step): point.value for point in found}


def latency(**seconds: tuple[float, ...]) -> LatencyEvidence:
    """Return latency evidence of `b1=(…), b8=(…)`."""
    return LatencyEvidence(
        target="cpu",
        threads=1,
        load_seconds=1,
        first_call_seconds=0.5,
        warmup_calls=1,
        batches=tuple(BatchTimes(batch=int(name[1:]), seconds=times) for name, times in seconds.items()),
        raw=RAW,
    )


def scores(dataset: str, correct: int, slices: tuple[Slice, ...] = ()) -> Scores:
    """Return scores over 10 requests of which 8 have a label."""
    return Scores.model_validate(
        {
            "dataset": dataset,
            "overall": Tally.counted(rows=10, labelled=8, correct=correct, abstained=1, errors=1),
            "slices": slices,
            "labels": (),
            "traits": (),
            "label_coverage": (),
            "label_shift": None,
            "exceptions": 1,
            "non_finite": 0,
            "malformed": 0,
            "error_examples": (),
            "seconds": 1,
            "raw": RAW,
        }
    )


def test_what_was_not_measured_has_no_number() -> None:
    """A variant of which nothing was measured gives no metric, not even a zero."""
    assert points() == {}


def test_a_percentile_needs_calls_above_it() -> None:
    """99 calls give p95 but no p99, 100 give p99, 1,000 give p99.9; the values are numpy's of the raw seconds."""
    seconds = tuple(float(value) for value in np.random.default_rng(0).lognormal(-6, 0.5, 1000))
    found = points(latency=latency(b1=seconds, b2=seconds[:99], b4=seconds[:100]))
    assert found["latency/p99.9_ms", 1] == pytest.approx(np.quantile(seconds, 0.999) * 1000)
    assert found["latency/p95_ms", 2] == pytest.approx(np.quantile(seconds[:99], 0.95) * 1000)
    assert ("latency/p99_ms", 2) not in found
    assert ("latency/p99_ms", 4) in found
    assert ("latency/p99.9_ms", 4) not in found
    assert found["latency_batch1/p50_ms", 0] == found["latency/p50_ms", 1]


def test_the_latency_lab_has_its_own_sections() -> None:
    """Parts by batch, steps by length, the machine, phases of a cold start and the champion's ratio."""
    quiet = Noise(
        seconds=9,
        machine_cores=2,
        affinity=(0, 1),
        other_load=0.25,
        control_calls=9,
        control_median_ms=1,
        control_p99_ms=3,
    )
    timed = BatchTimes(
        batch=8, seconds=(0.004,), parts=(PartTimes(part="session", median_ms=3, p99_ms=None),), elements=40
    )
    steps = (
        StepTimes(steps=1, calls=2, first_step_ms=7, step_ms=None),
        StepTimes(steps=4, calls=9, first_step_ms=7, step_ms=2),
    )
    whole = latency(b1=(0.001,)).model_copy(update={"batches": (timed,), "steps": steps, "noise": quiet})
    began = {"interpreter_seconds": 0.1, "imports_seconds": 1, "load_seconds": 0.5, "first_answer_seconds": 0.2}
    starts = (
        ColdStart(warmed=False, calls_ms=(9, 3), settled_after=1, **began),
        ColdStart(warmed=True, calls_ms=(4, 3), settled_after=None, **began),
    )
    found = points(
        latency=whole,
        cold_start=ColdStartEvidence(target="cpu", threads=1, starts=starts, warmup_calls=5, warmup=RAW),
        champion_latency=ChampionLatency(
            batches=(TurnTimes(batch=1, blocks=((0.003, 0.002, 0.002, 0.003),)),), noise=quiet, raw=RAW
        ),
    )
    assert (found["latency_part/session_p50_ms", 8], found["latency_part/values_per_row", 8]) == (3, 40)
    assert ("latency_part/session_p99_ms", 8) not in found
    assert (found["steps/first_ms", 1], found["steps/each_ms", 4]) == (7, 2)
    assert ("steps/each_ms", 1) not in found
    assert (found["noise/control_spread", 0], found["noise/other_load", 0]) == (3, 0.25)
    assert found["cold_start/ready_seconds", 0] == pytest.approx(1.8)
    assert (found["cold_start/warm_answer_ms", 0], found["cold_start/warmup_calls", 0]) == (4, 5)
    assert found["latency_ratio/champion", 1] == pytest.approx(1.5)


def test_responses_under_load_are_percentiles_of_what_was_answered() -> None:
    """Requests without an answer are counted and are no time; two runs are taken together."""
    replica, late = Replica(largest_batch=1), Lateness(p50_seconds=0, p99_seconds=0, max_seconds=0)
    runs = [
        Loaded(
            run=LoadRun(
                engine="launchgate", engine_version="1", arrivals=PoissonArrivals(), rate=60, seconds=2, seed=1,
                replica=replica, requests=100, answered=99, failed=1, unfinished=0, lateness=late, answered_per_second=60,
                utilisation=used, mean_batch=1, raw=RAW,
            ),
            scheduled_seconds=tuple(at / 50 for at in range(100)),
            response_seconds=(None, *(0.001 * at for at in range(1, 100))),
        )
        for used in (0.4, 0.6)
    ]  # fmt: skip
    load = LoadEvidence(
        target="cpu", peak_per_second=120, carrying=2, share_per_second=60, replica=replica, arrivals=PoissonArrivals(),
        runs=tuple(runs),
    )  # fmt: skip
    found = points(load=load)
    assert (found["load/p50_ms", 0], found["load/p99_ms", 0]) == (50, pytest.approx(98.03))
    assert (found["load/lost_requests", 0], found["load/replicas", 0]) == (2, 2)
    assert (found["load/requests_per_second", 0], found["load/utilisation", 0]) == (60, 0.5)


def test_a_batch_without_calls_has_no_number() -> None:
    """A batch size whose time ended before its first call leaves a gap in the curve."""
    found = points(latency=latency(b1=(0.001, 0.003), b8=()))
    assert found["throughput/rows_per_second", 1] == pytest.approx(500)
    assert not [name for name, step in found if step == 8]


def test_accuracy_is_over_labelled_requests() -> None:
    """Accuracy divides by labels, and a slice without any has no accuracy."""
    slices = tuple(
        Slice(
            column="source",
            value=value,
            label_share=0.5,
            tally=Tally.counted(rows=5, labelled=labelled, correct=0, abstained=0, errors=0),
        )
        for value, labelled in (("tweets", 4), ("unlabelled", 0))
    )
    paired = Paired(
        baseline="fp32",
        overall=PairedTally.counted(rows=10, flips=3, labelled=8, candidate_only=1, baseline_only=2),
        slices=(
            PairedSlice(
                column="source",
                value="tweets",
                tally=PairedTally.counted(rows=5, flips=2, labelled=4, candidate_only=0, baseline_only=2),
            ),
        ),
    )
    found = points(
        evaluation=EvaluationEvidence(
            evaluation=scores("evaluation", 8),
            production=scores("production", 6, slices),
            against_reference=paired,
            against_champion=FirstLaunch(model="sentiment"),
        )
    )
    assert found["accuracy/evaluation", 0] == 1
    assert found["accuracy/production", 0] == 0.75
    assert found["accuracy/production/source/tweets", 0] == 0
    assert ("accuracy/production/source/unlabelled", 0) not in found
    assert found["answered/production", 0] == 0.8
    assert found["flips/reference", 0] == 3
    assert found["accuracy_change/reference", 0] == -0.125
    assert found["accuracy_change/reference/source/tweets", 0] == -0.5
    assert not [name for name, _ in found if "champion" in name]


def test_a_comparison_that_failed_is_no_zero() -> None:
    """The worst of the comparisons that could be made is shown, and none where none could."""
    broken = Difference(case="batch 8", rows=4, error="the graph takes one row only")
    made = [Difference(case="batch 2", rows=4, flips=flips, max_abs=flips / 10) for flips in (0, 2)]
    found = points(determinism=DeterminismEvidence(rows=4, repeats=(broken,), batches=(*made, broken), golden=RAW))
    assert found == {("flips/batch", 0): 2, ("difference/batch_max_abs", 0): 0.2}


def test_perturbed_rows_are_counted_and_flips_are_shares() -> None:
    """Kinds that fit no row, or at which the process ended, have no number."""
    tally = PairedTally.counted(rows=40, flips=2, labelled=0, candidate_only=0, baseline_only=0)
    kinds = (
        Perturbed(kind="other case", column=None, rows=40, traffic=True, against_original=tally),
        Perturbed(kind="empty", column="text", rows=10, traffic=True, crashes=3),
        Perturbed(kind="typo in a word", column=None, rows=0, traffic=True),
        Perturbed(kind="far too long", column="text", rows=4, traffic=True, stopped="SIGKILL"),
    )
    found = points(
        robustness=RobustnessEvidence(rows=40, kinds=kinds, not_reached=(), columns_left_out=0, seconds=1, raw=RAW)
    )
    assert found == {
        ("robustness/without_answer", 0): 3,
        ("robustness/perturbed_rows", 0): 50,
        ("robustness/flips/other case", 0): 0.05,
    }


@pytest.mark.parametrize(
    ("outcome", "value"), [("pass", 1.0), ("fail", 0.0), ("inconclusive", 0.0), ("unmeasured", None)]
)
def test_a_gate_is_one_or_zero_or_absent(outcome: Outcome, value: float | None) -> None:
    """Only a pass is 1, and a gate that was not measured has no number."""
    result = GateResult(
        gate="latency-slo",
        variant=None,
        severity="block",
        outcome=outcome,
        observed=None,
        bound=None,
        limit=None,
        unit="ms",
        confidence=0.95,
        because="…",
        checklist="week 1-2",
        checks=(),
    )
    assert list(gate_points([result])) == ([] if value is None else [Point("gate/latency-slo", value)])


@given(st.lists(st.text(max_size=200), min_size=2, max_size=20, unique=True))
def test_any_slice_has_a_name_of_its_own(values: list[str]) -> None:
    """Whatever a column holds, its names are ones that MLflow takes, not too long, and never the same for two values."""
    names = [name_part(value) for value in values]
    assert len(set(names)) == len(names)
    for name in names:
        assert MLFLOW_ALLOWS.fullmatch(name)
        assert name.strip(" .") == name
        assert len(name) <= LONGEST_PART + len("-abcdef")


def test_plain_values_keep_their_names() -> None:
    """A value that MLflow takes as it is stays readable."""
    assert [name_part(value) for value in ("tweets", "New York", "2026-11", "é")] == [
        "tweets",
        "New York",
        "2026-11",
        "é",
    ]
