"""The selftest policy on a tiny candidate's numbers: the clean twin passes every gate, and each planted failure fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.data_evidence import drift, expectation, quality, review, sample, shift
from support.gate_evidence import CPU, CUDA, dependencies, determinism, difference, export, launch, provider, variant
from support.score_evidence import (
    calibration,
    confident,
    coverage,
    evaluation,
    paired,
    paired_slice,
    perturbed,
    reliability,
    robustness,
    scores,
    tally,
)
from support.speed_evidence import OBJECTIVES, cold_start, cost, latency, load, memory, seconds, soak, start, turns

from tasks.decision.policy import load_policy
from tasks.evidence import BatchPeak, BatchTimes, Share, Slice
from tasks.gates import GATES

if TYPE_CHECKING:
    from tasks.evidence import Evidence, VariantEvidence

ROWS = 1000
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
STALLING = tuple(0.3 if index % 100 == 50 else 0.001 for index in range(2600))
PLANTED: dict[str, dict[str, Any]] = {
    "pinned-dependencies": {"dependencies": dependencies(not_exact=("numpy>=2",))},
    "sample-size": {"sample": sample(rows=200, labelled_rows=200)},
    "data-quality": {"production_quality": quality("production", expectation(success=False), rows=ROWS)},
    "drift": {"drift": drift(shift("length of text", 0.6, evaluation_rows=400, production_rows=ROWS))},
    "export-parity": {"export": export(difference("batch 1", 700, flips=100, max_relative=0.5))},
    "execution-provider": {"provider": provider(CUDA, CPU)},
    "error-rate": {"non_finite": 3},
    "batch-invariance": {
        "determinism": determinism(batches=(difference("batch 32", 512, flips=20, max_relative=0.1),))
    },
    "repeatability": {"determinism": determinism(repeats=(difference("fresh process", 100, max_relative=0.01),))},
    "quantization-loss": {"against_reference": paired(10, 10, ROWS, paired_slice("bad", 0, 40, 200))},
    "production-accuracy": {"correct": 550},
    "production-gap": {"correct": 670},
    "slice-accuracy": {"slices": (Slice(column="source", value="bad", label_share=0.2, tally=tally(200, 100)),)},
    "coverage": {"abstained": 120},
    "calibration": {"calibration": calibration(served=reliability(0.16, ROWS))},
    "silent-failures": {"calibration": calibration(confident_errors=(confident(120, ROWS),))},
    "robustness": {"robustness": robustness(perturbed("empty", 32, crashes=32, example="text='': raised"))},
    "review-sample": {"review": review(readable_rows=0)},
    "champion-regression": {"against_champion": paired(10, 60, ROWS)},
    "latency-slo": {"latency": latency(BatchTimes(batch=1, seconds=STALLING))},
    "capacity": {"load": load(*[150.0] * 6300, rate=300, objectives=OBJECTIVES)},
    "batch-profile": {
        "latency": latency(*(BatchTimes(batch=size, seconds=seconds(size * (1 + size / 32), 9)) for size in BATCHES))
    },
    "cold-start": {"cold_start": cold_start(*(start(warmed=n > 2, first_answer_seconds=1.2) for n in range(5)))},
    "memory-per-request": {"memory": memory(peaks=(BatchPeak(batch=64, peak_bytes=900_000_000),))},
    "memory-leak": {"memory": memory(soak_python=soak(5_000_000, 150))},
    "unit-cost": {"cost": cost(usd_per_month=375, usd_per_month_high=375)},
}


def tiny(gate: str, **changes: Any) -> Evidence | VariantEvidence:
    """Return evidence of a candidate with 1,000 labelled production and 300 evaluation rows, some of it changed."""
    if GATES[gate].SCOPE == "launch":
        halves = scores("production", tally(ROWS, 870), label_coverage=coverage((500, 350), (500, 365)))
        clean = {
            "sample": sample(rows=ROWS, log_rows=ROWS, malformed_rows=0, labelled_rows=715),
            "production_quality": quality("production", rows=ROWS),
            "drift": drift(shift("unknown words of text", 0.2, evaluation_rows=400, production_rows=ROWS)),
            "export": export(difference("batch 1", 320)),
            "variants": (variant(evaluation=evaluation(production=halves)),),
        }
        return launch(**(clean | changes))
    overall = tally(ROWS, changes.pop("correct", 860))
    answered = Share(events=ROWS - changes.pop("abstained", 5), trials=ROWS)
    sound = Slice(column="source", value="sound", label_share=0.2, tally=tally(200, 172))
    production = scores(
        "production",
        overall.model_copy(update={"answered": answered}),
        sound,
        *changes.pop("slices", ()),
        non_finite=changes.pop("non_finite", 0),
    )
    answers = {"evaluation": scores("evaluation", tally(300, 264)), "production": production}
    answers |= {"against_reference": paired(4, 6, ROWS, paired_slice("good", 2, 3, 200))}
    answers |= {"against_champion": paired(0, 0, ROWS)}
    answers |= {name: changes.pop(name) for name in list(changes) if name.startswith("against_")}
    clean = {
        "evaluation": evaluation(**answers),
        "calibration": calibration(
            served=reliability(0.01, ROWS), confident_errors=(confident(40, ROWS, ("sound", 12, 200)),)
        ),
        "determinism": determinism(batches=(difference("batch 32", 512), difference("batch 128", 512, flips=1))),
        "latency": latency(
            BatchTimes(batch=1, seconds=(*seconds(0.6, 4999), 0.4)),
            *(BatchTimes(batch=size, seconds=seconds(0.5 + 0.01 * size, 200)) for size in BATCHES[1:]),
        ),
        "champion_latency": turns(1.3),
        "memory": memory(soak_python=soak(5_000_000, 20), soak_rss=soak(300_000_000, 2000)),
        "cost": cost(usd_per_month=150, usd_per_month_high=150),
    }
    return variant("int8", **(clean | changes))


@pytest.mark.parametrize("gate", GATES)
def test_the_clean_twin_passes(gate: str) -> None:
    """Every bound can be met by a tiny candidate, one disturbed call and one flipped coin included."""
    result = GATES[gate].judge(tiny(gate), load_policy("selftest").limits()[gate])
    assert (result.outcome, result.because) == ("pass", result.because)


@pytest.mark.parametrize("gate", GATES)
def test_the_planted_failure_fails(gate: str) -> None:
    """Every planted failure is beyond its limit by more than a tiny candidate's numbers leave open."""
    result = GATES[gate].judge(tiny(gate, **PLANTED[gate]), load_policy("selftest").limits()[gate])
    assert (result.outcome, result.because) == ("fail", result.because)
