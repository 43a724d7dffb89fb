"""A small launch, as a ledger is given it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from support.review_example import write_review

from tasks.core.records import Candidate, Columns, Data, Variant
from tasks.core.run_folder import RunFolder
from tasks.core.verdicts import Decision, GateResult, PolicyName
from tasks.decision.policy import load_policy
from tasks.evidence import (
    BatchPeak,
    BatchTimes,
    Environment,
    Evidence,
    LatencyEvidence,
    MemoryEvidence,
    Raw,
    Unmeasured,
    VariantEvidence,
)

if TYPE_CHECKING:
    from infra.ledger.mlflow_ledger import MlflowLedger
    from infra.ledger.port import Ledger
    from tasks.core.verdicts import Outcome


SHA = "ab" * 32
PARTS = (  # of a variant's evidence that have no default
    "variant",
    "provider",
    "evaluation",
    "calibration",
    "label_free",
    "latency",
    "determinism",
    "robustness",
    "memory",
    "cost",
)
DECIDED = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
POLICY = load_policy("selftest")


def candidate(model: str) -> Candidate:
    """Return a candidate that was read from a folder of its own name."""
    return Candidate.model_validate(
        {
            "name": model,
            "task": "classification",
            "adapter": "adapter.py",
            "checkpoint": {"path": "weights.pt", "sha256": SHA},
            "variants": ("fp32", "int8"),
            "data": Data(evaluation="e.parquet", calibration="c.parquet", production="log/"),
            "columns": Columns(id="id", time="ts", label="label", input=("text",), status="status"),
            "folder": Path(f"/candidates/{model}_net"),
        }
    )


def measured(name: str, calls: int = 1200, soak: int = 3) -> VariantEvidence:
    """Return a variant of which latency (200 calls a batch above 1) and memory were measured."""
    nothing = Unmeasured(stage="any", why="not part of this test")
    seconds = {1: tuple(0.001 + index * 1e-6 for index in range(calls)), 8: tuple(0.004 + i * 1e-6 for i in range(200))}
    return VariantEvidence(
        name=name,
        variant=Variant(name=name, sha256=SHA, graphs={"model": Path("model.onnx")}, size_bytes=5_000_000),
        provider=nothing,
        evaluation=nothing,
        calibration=nothing,
        label_free=nothing,
        latency=LatencyEvidence(
            target="cpu",
            threads=1,
            load_seconds=0.2,
            first_call_seconds=0.05,
            warmup_calls=10,
            batches=tuple(BatchTimes(batch=batch, seconds=times) for batch, times in seconds.items()),
            raw=Raw(path="variants/latency.parquet", sha256=SHA, rows=calls + 200),
        ),
        determinism=nothing,
        robustness=nothing,
        memory=MemoryEvidence(
            loaded_bytes=90_000_000,
            warm_bytes=91_000_000,
            peaks=(BatchPeak(batch=1, peak_bytes=92_000_000), BatchPeak(batch=8, peak_bytes=99_000_000)),
            soak_rss=tuple((calls, 91_000_000) for calls in range(soak)),
            soak_python=tuple((calls, 1_000_000) for calls in range(soak)),
        ),
        cost=nothing,
    )


def not_made(name: str) -> VariantEvidence:
    """Return a variant that could not be made."""
    why = Unmeasured(stage="quantize", why="an operator has no int8 form")
    return VariantEvidence(name=name, **dict.fromkeys(PARTS, why))


def evidence(model: str, *variants: VariantEvidence) -> Evidence:
    """Return a launch's evidence of which only the variants were measured."""
    nothing = Unmeasured(stage="any", why="not part of this test")
    return Evidence(
        candidate=model,
        candidate_folder=f"{model}_net",
        candidate_sha256=SHA,
        task="classification",
        target="cpu",
        environment=Environment(
            python="3.11", platform="Linux", cpu="x86", cores=2, memory_bytes=1, gpu=None, packages={}, sha256=SHA
        ),
        sample=nothing,
        production_quality=nothing,
        evaluation_quality=nothing,
        drift=nothing,
        dependencies=nothing,
        export=nothing,
        review=nothing,
        variants=variants or (measured("fp32"), measured("int8")),
    )


def gate(name: str, variant: str | None, outcome: Outcome) -> GateResult:
    """Return a gate's result that says little."""
    return GateResult(
        gate=name,
        variant=variant,
        severity="block",
        outcome=outcome,
        observed=None if outcome == "unmeasured" else 0.5,
        bound=None,
        limit=1.0,
        unit="ms",
        confidence=0.95,
        because=f"{name} is {outcome}",
        checklist="week 1-2",
        checks=(),
    )


def decision(model: str, run_id: str, variant: str | None = "int8") -> Decision:
    """Return a decision: promote `variant`, or reject where there is none."""
    return Decision(
        candidate=model,
        candidate_sha256=SHA,
        outcome="promote" if variant else "reject",
        variant=variant,
        target="cpu",
        policy=PolicyName(name="selftest", sha256=SHA),
        reasons=(f"{variant} is the cheapest that passes",) if variant else ("latency is over the limit",),
        gates=(
            gate("sample-size", None, "pass"),
            gate("data-quality", None, "unmeasured"),
            gate("latency-slo", "fp32", "fail"),
            gate("latency-slo", "int8", "pass"),
            gate("unit-cost", "int8", "inconclusive"),
            gate("memory-leak", "int8", "unmeasured"),
        ),
        environment={"python": "3.11"},
        run_id=run_id,
        decided_at=DECIDED,
    )


def launched(
    ledger: Ledger, model: str, folder: Path, variant: str | None = "int8", seen: Evidence | None = None
) -> str:
    """Record a whole launch as a flow does and return its run."""
    run_id = ledger.start(candidate(model), POLICY, "launch", {"origin": "test"})
    seen = seen or evidence(model)
    decided = decision(model, run_id, variant)
    files = {
        "decision.json": decided.model_dump_json(by_alias=True),
        "evidence.json": seen.model_dump_json(),
        "policy.yaml": "name: selftest\n",
        "candidate/adapter.py": "# code\n",
        "variants/fp32/graphs/model.onnx": "fp32",
        "variants/int8/graphs/model.onnx": "int8",
        "variants/int8/latency.parquet": "times",
        "variants/champion/predictions.parquet": "the champion's",
    }
    for name, text in files.items():
        path = folder / run_id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / run_id / "data").mkdir()
    if not isinstance(seen.review, Unmeasured):
        write_review(folder / run_id)
    rows = pd.DataFrame({"id": ["a", "b"], "label": [0, 1]})
    rows.to_parquet(folder / run_id / "data" / "evaluation.parquet")
    ledger.record(run_id, seen, decided, RunFolder(folder / run_id))
    ledger.stop(run_id, "FINISHED", decided.reasons[0])
    return run_id


def history(ledger: MlflowLedger, run_id: str, metric: str) -> dict[int, float]:
    """Return a metric's values by step."""
    return {point.step: point.value for point in ledger._client.get_metric_history(run_id, metric)}
