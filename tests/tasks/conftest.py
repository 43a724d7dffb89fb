"""Fixtures for the stages: one tiny candidate a session, its sample, and its exported graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.tiny import ADAPTER, AS_OF, write_tiny

from tasks.core.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pandas as pd

    from tasks.core.records import Candidate, Serving, Variant
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the session's stages a store of their own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAUNCHGATE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    """Return a tiny candidate, read from its folder; a test that changes it makes its own."""
    from tasks.candidate.folder import load_candidate
    from tasks.variants.recipes import RECIPES

    return load_candidate(write_tiny(tmp_path_factory.mktemp("candidates") / "tiny"), RECIPES)


@pytest.fixture(scope="session")
def sets(tiny: Candidate, tmp_path_factory: pytest.TempPathFactory) -> DataSets:
    """Return the tiny candidate's three data sets as a launch has them."""
    from infra.storage import open_log
    from tasks.data.datasets import copy_fixed_sets
    from tasks.data.sampling import draw_sample
    from tasks.decision.policy import load_policy

    files = copy_fixed_sets(tiny, RunFolder(tmp_path_factory.mktemp("run")))
    log = open_log(str(tiny.resolve(tiny.data.production)))
    draw_sample(log, tiny.columns, load_policy("selftest").sample, AS_OF, files.production)
    return files


@pytest.fixture(scope="session")
def fp32(tiny: Candidate, sets: DataSets) -> Variant:
    """Return the tiny candidate's exported graph."""
    from tasks.variants.export import export_model

    return export_model(tiny, sets.production)


@pytest.fixture(scope="session")
def served(tiny: Candidate, fp32: Variant) -> Serving:
    """Return how to serve the tiny candidate's graph on one thread."""
    from tasks.serving.server import serving_of

    return serving_of(tiny, fp32, "cpu", 1)


@pytest.fixture(scope="session")
def measuring() -> Measuring:
    """Return budgets with which every stage is done in a second or two."""
    from tasks.decision.policy import load_policy

    short: dict[str, Any] = {
        "batches": (1, 8), "parity_rows": 64, "invariance_rows": 64, "latency_calls": 40, "latency_seconds": 5,
        "calls_per_batch": 20, "batch_seconds": 5, "soak_calls": 200, "soak_seconds": 5, "stage_timeout_seconds": 60,
    }  # fmt: skip
    return load_policy("selftest").measure.model_copy(update=short)


@pytest.fixture
def other(served: Serving, tmp_path: Path) -> Callable[..., Serving]:
    """Return a maker of the same graph served by another adapter: the tiny one with texts replaced."""

    def make(*changes: tuple[str, str]) -> Serving:
        text = ADAPTER
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "adapter.py").write_text(text, encoding="utf-8")
        return served.model_copy(update={"folder": tmp_path})

    return make


@pytest.fixture(scope="session")
def production(sets: DataSets) -> pd.DataFrame:
    """Return the rows of the production sample."""
    import pandas as pd

    return pd.read_parquet(sets.production)
