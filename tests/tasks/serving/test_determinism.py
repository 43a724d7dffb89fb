"""The same inputs again: after other work, in a fresh process, and beside other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from support.tiny import CONFIDENCE

from tasks.serving.determinism import DeterminismRequest, DeterminismResponse, answer_again, measure_determinism

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets

pytestmark = pytest.mark.process


def test_the_same_inputs_have_the_same_answers_again(
    served: Serving, sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """In process, after other work, in a fresh process, and in batches with other neighbours; and they are kept."""
    evidence, modules = measure_determinism(served, sets.production, measuring, 0, tmp_path / "variants" / "fp32")
    assert evidence.rows == 100
    assert [case.case for case in evidence.repeats] == [
        "repeated at once",
        "repeated after other work",
        "next input encoded before",
        "fresh process",
    ]
    assert all(case.bitwise and case.flips == 0 for case in evidence.repeats)
    assert [(case.case, case.rows, case.flips) for case in evidence.batches] == [
        ("batch 32", 64, 0), ("batch 64", 64, 0), ("batch 128", 64, 0),
    ]  # fmt: skip
    golden = pd.read_parquet(tmp_path / evidence.golden.path)
    assert list(golden) == ["input_text", "prediction", "confidence"]
    assert not (tmp_path / "variants" / "fp32" / "golden-fresh.parquet").exists()
    assert {"onnxruntime", "pandas", "numpy"} <= set(modules)
    assert "torch" not in modules  # only build needs it


def test_answers_by_chance_and_by_neighbour_are_found(
    other: Callable[..., Serving], sets: DataSets, tmp_path: Path
) -> None:
    """Noise differs from call to call, what encode left behind when the next input comes first, a scale by the batch."""

    def asked_again(change: str) -> DeterminismResponse:
        serving = other(
            ("LABELS = ", "LAST = {}\nLABELS = "),
            ('    return {"words": words}', '    LAST["words"] = words\n    return {"words": words}'),
            (CONFIDENCE, f'"confidence": chance.max(axis=1) {change}'),
        )
        request = DeterminismRequest(
            serving=serving,
            rows=sets.production,
            golden_rows=50,
            invariance_rows=64,
            seed=0,
            golden=tmp_path / "golden",
        )
        return answer_again(request)

    noisy = asked_again("* np.random.uniform(0.9, 1, len(chance))")
    assert all(case.max_abs is not None and case.max_abs > 0.01 for case in noisy.repeats)
    kept = asked_again("* np.random.default_rng(LAST['words'].sum()).uniform(0.9, 1, len(chance))")
    assert [case.max_abs == 0 for case in kept.repeats] == [True, True, False]
    scaled = asked_again("/ (1 + len(chance))")
    assert all(case.max_abs == 0 for case in scaled.repeats)
    assert all(case.max_abs is not None and case.max_abs > 0.1 for case in scaled.batches)
