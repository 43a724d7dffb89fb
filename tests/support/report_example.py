"""A launch as a report sees it: three variants with seeded numbers, one stage without a result, a decision either way."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from support.report_raw import digest, raw
from support.report_speed_example import BATCHES, MB, cold_start, cost, latency, load, memory
from support.review_example import review

from tasks.core.records import Variant
from tasks.decision.decide import decide
from tasks.decision.policy import load_policy
from tasks.evaluation.reliability import at_temperature, reliability, risk_coverage
from tasks.evidence import (
    CalibrationEvidence,
    ConfidentErrors,
    DependencyEvidence,
    DeterminismEvidence,
    Difference,
    DriftColumn,
    DriftEvidence,
    Environment,
    EvaluationEvidence,
    Evidence,
    ExpectationResult,
    ExportEvidence,
    FirstLaunch,
    Fit,
    LabelCoverage,
    LabelFree,
    LabelShift,
    Moved,
    Paired,
    PairedSlice,
    PairedTally,
    Perturbed,
    ProviderEvidence,
    RobustnessEvidence,
    SampleEvidence,
    Scores,
    Share,
    Slice,
    Tally,
    Unmeasured,
    ValidationEvidence,
    VariantEvidence,
)

if TYPE_CHECKING:
    from tasks.core.verdicts import Decision


SLICES = {"tweets": 1850, "amazon": 1400, "nyt": 750}
HALVES = {"low confidence": 2000, "high confidence": 2000}
HOSTILE = "<script>alert('slice')</script>"
ACCURACY = {
    "fp32": (0.812, 0.768),
    "int8-dynamic": (0.805, 0.759),
    "int8-static": (0.808, 0.764),
}


def tally(rows: int, accuracy: float, labelled: float = 0.9) -> Tally:
    """Return counts over `rows` with about the given accuracy."""
    known = round(rows * labelled)
    return Tally.counted(rows=rows, labelled=known, correct=round(known * accuracy), abstained=rows // 90, errors=0)


def scores(dataset: Literal["evaluation", "production"], variant: str, shift: float) -> Scores:
    """Return a variant's scores; production has slices, one with a hostile name and one without labels."""
    production = dataset == "production"
    accuracy = ACCURACY[variant][production] + shift
    spread = {"tweets": -0.05, "amazon": 0.04, "nyt": 0.045}
    slices = [
        Slice(
            column="source",
            value=name,
            label_share=rows / sum(SLICES.values()),
            tally=tally(rows, accuracy + spread[name]),
        )
        for name, rows in SLICES.items()
    ]
    slices += [
        Slice(column="length", value=HOSTILE, label_share=0.02, tally=tally(60, accuracy - 0.02)),
        Slice(column="source", value="partner feed", label_share=0, tally=tally(40, 0, labelled=0)),
    ]
    return Scores(
        dataset=dataset,
        overall=tally(4000 if production else 2000, accuracy, 0.86 if production else 1),
        slices=tuple(slices) if production else (),
        label_coverage=tuple(LabelCoverage(group=k, rows=v, labelled=round(v * 0.86)) for k, v in HALVES.items()),
        label_shift=LabelShift(
            labelled=3440, cells=15, accuracy=accuracy, reweighted=accuracy - 0.002, deviation=0.002
        ),
        labels=(),
        traits=(),
        exceptions=0,
        non_finite=0,
        malformed=0,
        error_examples=(),
        seconds=14.2,
        raw=raw(f"raw/{variant}-{dataset}.parquet", 4000),
    )


def paired(rows: int, flips: int, gained: int, lost: int) -> Paired:
    """Return a comparison with fp32."""

    def part(share: float) -> PairedTally:
        labelled, better, worse = (round(share * each) for each in (rows, gained, lost))
        return PairedTally.counted(
            rows=labelled, flips=round(share * flips), labelled=labelled, candidate_only=better, baseline_only=worse
        )

    slices = tuple(PairedSlice(column="source", value=name, tally=part(count / 4000)) for name, count in SLICES.items())
    return Paired(baseline="fp32", overall=part(1), slices=slices)


def calibration(variant: str, seed: int) -> CalibrationEvidence:
    """Return a confidence that is a little too high, and what a temperature would make of it; nothing was fitted else."""
    random = np.random.default_rng(seed)
    confidence = 0.5 + 0.5 * random.beta(1.4, 1.2, 3440)
    chance = at_temperature(confidence, 1.25)
    right = random.random(3440) < chance
    weights = np.ones(3440)
    curve = risk_coverage(confidence, right, weights)
    errors = Share(events=int((~right & (confidence >= 0.9)).sum()), trials=3440)
    cooled = reliability(at_temperature(confidence, 1.3), right, weights)
    return CalibrationEvidence(
        served=reliability(confidence, right, weights),
        temperature=Fit(rows=600, temperature=1.3, production=cooled),
        isotonic=Unmeasured(stage="fit isotonic", why="the calibration set has too few labelled rows"),
        abstention=(),
        risk_coverage=curve,
        risk_area=float(np.mean([risk for _, risk in curve])),
        confident_errors=(ConfidentErrors(threshold=0.9, rows=3440, errors=errors, slices=()),),
        raw=raw(f"raw/{variant}-calibration.parquet", 600),
    )


def difference(case: str, rows: int, flips: int = 0, relative: float = 0.0) -> Difference:
    """Return two runs of the same rows that differ by `relative`."""
    return Difference(
        case=case, rows=rows, flips=flips, max_abs=relative, p99_abs=relative / 3, max_relative=relative,
        bitwise=relative == 0,
    )  # fmt: skip


def determinism(variant: str) -> DeterminismEvidence:
    """Return answers that repeat, and that depend on the batch where the scales are dynamic."""
    dynamic = variant == "int8-dynamic"
    return DeterminismEvidence(
        rows=100,
        repeats=(difference("same process", 100), difference("fresh process", 100)),
        batches=tuple(
            difference(f"batch {batch}", 512, 4 + batch // 8 if dynamic else 0, 0.08 if dynamic else 2e-6)
            for batch in BATCHES[3:]
        ),
        golden=raw(f"raw/{variant}-golden.parquet", 100),
    )


def robustness(variant: str) -> RobustnessEvidence:
    """Return two harmless changes that turned a few answers, and empty texts that all got one."""
    tallies = {
        kind: PairedTally.counted(rows=200, flips=flips, labelled=120, candidate_only=1, baseline_only=flips // 2)
        for kind, flips in (("typo in a word", 8), ("other case", 0))
    }
    harmless = (Perturbed(kind=k, column=None, rows=200, traffic=True, against_original=t) for k, t in tallies.items())
    empty = Perturbed(kind="empty", column="text", rows=32, traffic=True, mean_confidence=0.61)
    return RobustnessEvidence(
        rows=200, kinds=(*harmless, empty), not_reached=(), columns_left_out=0, seconds=3.1,
        raw=raw(f"raw/{variant}-robustness.jsonl", 432),
    )  # fmt: skip


def variant_evidence(name: str, seed: int, shift: float) -> VariantEvidence:
    """Return all that was measured of one variant; the memory of fp32 was not."""
    lost = {"fp32": 0, "int8-dynamic": 70, "int8-static": 36}[name]
    production = scores("production", name, shift)
    return VariantEvidence(
        name=name,
        variant=Variant(
            name=name,
            sha256=digest(name),
            graphs={"model": Path(f"variants/{name}/model.onnx")},
            size_bytes=(91 if name == "fp32" else 23) * MB,
            notes=("4 MatMul nodes kept in float",) if name == "int8-static" else (),
        ),
        provider=ProviderEvidence(
            asked="cpu",
            wanted_provider="CPUExecutionProvider",
            session_provider="CPUExecutionProvider",
            nodes={"CPUExecutionProvider": 412},
            node_seconds={"CPUExecutionProvider": 1.84},
        ),
        evaluation=EvaluationEvidence(
            evaluation=scores("evaluation", name, 0),
            production=production,
            against_reference=paired(3440, 2 * lost, round(0.7 * lost), lost),
            against_champion=FirstLaunch(model="sentiment"),
        ),
        calibration=calibration(name, seed),
        label_free=LabelFree(rows=6000, labelled=3600, corrected=True, accuracy=0.75 - shift, deviation=0.008),
        latency=latency(name, seed),
        load=load(name, seed),
        champion_latency=FirstLaunch(model="sentiment"),
        cold_start=cold_start(name),
        determinism=determinism(name),
        robustness=robustness(name),
        memory=Unmeasured(stage="memory", why="the serving process was killed after 900 s", crashed=True)
        if name == "fp32"
        else memory(name, seed),
        cost=cost(name),
    )


def expectation(name: str, column: str | None, unexpected: int = 0) -> ExpectationResult:
    """Return one expectation's result; it holds unless rows broke it."""
    because = f"{unexpected} of 4,000 rows broke it" if unexpected else "it holds for all 4,000 rows"
    return ExpectationResult(
        expectation=name,
        column=column,
        severity="warning" if unexpected else "critical",
        success=not unexpected,
        unexpected_rows=unexpected,
        checked_rows=4000,
        because=because,
        failing_ids=tuple(f"req-{i:05d}" for i in range(unexpected)),
    )


def sample() -> SampleEvidence:
    """Return what was drawn from a log with late labels, malformed lines and duplicates."""
    return SampleEvidence(
        source="s3://prediction-log/sentiment/",
        window_start=datetime(2026, 10, 20, tzinfo=UTC),
        window_end=datetime(2026, 11, 17, tzinfo=UTC),
        seed=20261121,
        asked_rows=4000,
        rows=4000,
        log_rows=18_211,
        log_requests=18_100.0,
        strata=(),
        log_files=56,
        malformed_rows=13,
        malformed_examples=(
            'dt=2026-11-02/part-1.jsonl.gz:118: {"request_id": "a81f", "text": "so <b>good',
            "…:240: NUL",
        ),
        outside_window_rows=402,
        duplicated_rows=37,
        labelled_rows=3440,
        by_status={"ok": 3893, "abstained": 61, "error": 31, "timeout": 15},
        missing_columns={"feedback": 212},
        raw=raw("raw/sample.parquet", 4000),
    )


def drift() -> DriftEvidence:
    """Return inputs that are a little longer than the evaluation set's, and labels that are alike."""
    longer = Moved(value="at most 80", evaluation_share=0.52, production_share=0.43)
    rows = {"evaluation_rows": 2000, "production_rows": 4000, "production_effective_rows": 3700.0}
    return DriftEvidence(
        columns=(
            DriftColumn(column="characters of text", kind="numbers", distance=0.09, excess=0, moved=(longer,), **rows),
            DriftColumn(column="label", kind="categories", distance=0.01, excess=0.01, moved=(), **rows),
        )
    )


def evidence(production_shift: float = 0.0) -> Evidence:
    """Return a launch's evidence; `production_shift` moves every variant's accuracy in production."""
    packages = {"numpy": "2.4.6", "onnxruntime-gpu": "1.31.1", "torch": "2.13.0+cpu", "onnx": "1.23.2"}
    names = ("fp32", "int8-dynamic", "int8-static")
    results = (
        expectation("expect_column_values_to_not_be_null", "text"),
        expectation("expect_column_values_to_be_unique", "request_id"),
        expectation("expect_column_value_lengths_to_be_between", "text", 7),
    )
    return Evidence(
        candidate="sentiment",
        candidate_folder="candidates/sentiment_minilm",
        candidate_sha256=digest("candidate"),
        task="classification",
        target="cpu",
        environment=Environment(
            python="3.11.7",
            platform="Linux-6.1-x86_64",
            cpu="Intel Xeon Platinum 8488C",
            cores=2,
            memory_bytes=24 * 1024**3,
            gpu=None,
            packages=packages,
            sha256=digest("environment"),
        ),
        sample=sample(),
        production_quality=ValidationEvidence(
            dataset="production", rows=4000, evaluated_expectations=3, results=results, page="data-docs-production.html"
        ),
        evaluation_quality=ValidationEvidence(
            dataset="evaluation",
            rows=2000,
            evaluated_expectations=2,
            results=results[:2],
            page="data-docs-evaluation.html",
        ),
        drift=drift(),
        dependencies=DependencyEvidence(
            lock="infra/locks/cpu.txt",
            lock_sha256=digest("lock"),
            imported=packages,
            not_exact=(),
            not_locked=(),
            drifted=(),
        ),
        export=ExportEvidence(
            exporter="torch.onnx dynamo",
            opset=20,
            dynamic_axes={"input_ids": (0, 1), "attention_mask": (0, 1)},
            training_modules=(),
            parity=tuple(difference(f"batch {batch}", 320, relative=3.1e-5) for batch in (1, 2, 7, 32, 64, 128)),
        ),
        review=review(),
        variants=tuple(variant_evidence(name, seed, production_shift) for seed, name in enumerate(names)),
    )


@cache
def launch(outcome: Literal["promote", "reject"]) -> tuple[Evidence, Decision]:
    """Return the evidence of a launch that ends in `outcome`, and the decision of the standard policy on it."""
    seen = evidence(0.0 if outcome == "promote" else -0.12)
    decision = decide(seen, load_policy("standard"), run_id="8c1f7a90b2d44f6e9d3e5a7c0b1d2e3f")
    assert decision.outcome == outcome, decision.reasons
    return seen, decision.model_copy(update={"decided_at": datetime(2026, 11, 21, 14, 3, tzinfo=UTC)})
