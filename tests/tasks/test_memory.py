"""Memory of a process that serves the tiny candidate, read from another one: its peaks, and what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.evidence import Unmeasured, VariantEvidence
from tasks.gates.memory_leak import judge
from tasks.memory import measure_memory
from tasks.policy import load_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.datasets import DataSets
    from tasks.policy import Measuring
    from tasks.records import Serving

pytestmark = pytest.mark.process

SOME_FAIL = ("found = [", "assert rows['text'].str.len().min() > 3\n    found = [")  # a row in ten


def test_peaks_and_what_a_call_keeps_are_watched_though_some_rows_fail(
    other: Callable[..., Serving], sets: DataSets, measuring: Measuring
) -> None:
    """A peak a batch size, and points over the soak whose slope is what the adapter keeps: 8 kB of each call, eight of which serve 19 requests."""
    keeps = other(
        ("LABELS = ", "KEPT = []\nLABELS = "),
        ("    found = [", "    KEPT.append(np.zeros(1000))\n    found = ["),
        SOME_FAIL,
    )
    found = measure_memory(keeps, sets.production, measuring.model_copy(update={"batches": (1, 128)}), seed=0)
    assert [item.batch for item in found.peaks] == [1, 128]
    assert min(item.peak_bytes for item in found.peaks) >= found.loaded_bytes > 10_000_000
    for points in (found.soak_rss, found.soak_python, found.soak_native):
        assert [requests for requests, _ in points] == [19 * (index + 1) for index in range(len(points))]
        assert min(size for _, size in points) > 0
    for points in (found.soak_python, found.soak_native):
        requests, sizes = np.array(points[5:]).T
        assert 3200 < np.polyfit(requests, sizes, 1)[0] < 12_000


def test_what_is_kept_by_input_grows_over_the_soak(
    other: Callable[..., Serving], sets: DataSets, measuring: Measuring
) -> None:
    """The second soak serves rows that were not served before, or a cache without a limit would look settled."""
    keeps = other(
        ("LABELS = ", "CACHE = {}\nLABELS = "),
        ("    found = [", "    CACHE.update({text: np.zeros(100) for text in rows['text']})\n    found = ["),
    )
    found = measure_memory(keeps, sets.production, measuring.model_copy(update={"batches": (1, 128)}), seed=0)
    requests, sizes = np.array(found.soak_python[5:]).T
    assert np.polyfit(requests, sizes, 1)[0] > 400


LEAKS = {
    "python": "KEPT.extend(bytes({size}) for _ in texts)",
    "native": "[LIBRARY.malloc({size}) for _ in texts]",
    "cache that fills": "CACHE.update((len(CACHE), bytes(1000)) for _ in texts if len(CACHE) < 200)",
}


@pytest.mark.parametrize(
    ("kind", "size", "outcome"),
    [
        ("python", 100, "fail"), ("python", 100_000, "fail"), ("native", 100, "fail"), ("native", 10_000, "fail"),
        ("cache that fills", 1000, "pass"),
    ],
)  # fmt: skip
def test_leaks_of_a_hundred_bytes_a_request_are_found_and_what_settles_is_not(
    other: Callable[..., Serving], sets: DataSets, measuring: Measuring, kind: str, size: int, outcome: str
) -> None:
    """Whoever keeps them: Python, which is traced, or native code, which only the allocator knows of."""
    leaks = other(
        ("LABELS = ", "import ctypes\nKEPT, CACHE, LIBRARY = [], {}, ctypes.CDLL(None)\nLABELS = "),
        ("    found = [", f"    {LEAKS[kind].format(size=size)}\n    found = ["),
    )
    soaking = measuring.model_copy(update={"batches": (1,), "soak_calls": 600, "soak_seconds": 30})
    why = Unmeasured(stage="others", why="not part of this test")
    nothing = {name: why for name, field in VariantEvidence.model_fields.items() if field.is_required()}
    memory = measure_memory(leaks, sets.production, soaking, seed=0)
    evidence = VariantEvidence(**(nothing | {"name": "fp32", "memory": memory}))
    limits: Any = load_policy("standard").limits()["memory-leak"]
    found = {check.name: check.outcome for check in judge(evidence, limits).checks}
    if outcome == "pass":
        assert found == dict.fromkeys(("python", "native", "resident"), "pass")
    else:
        assert found[kind] == outcome
