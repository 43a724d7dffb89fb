"""Memory of a process that serves the tiny candidate, read from another one: its peaks, and what it keeps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.tiny import SOME_FAIL

from tasks.core.errors import ModelError
from tasks.decision.policy import load_policy
from tasks.evidence import Unmeasured, VariantEvidence
from tasks.gates.memory_leak import judge
from tasks.performance.memory.measure import measure_memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.core.records import Serving
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets

pytestmark = pytest.mark.process


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


SET_UP = """
import ctypes, itertools, mmap, subprocess, sys
CALLS, KEPT, CACHE, LIBRARY = itertools.count(), [], {}, ctypes.CDLL(None)
LIBRARY.malloc.restype = ctypes.c_void_p
"""
LEAKS = {
    "python": "KEPT.extend(bytes({size}) for _ in texts)",
    "native": "[LIBRARY.malloc({size}) for _ in texts]",
    "resident": "KEPT.extend(mmap.mmap(-1, {size}) for _ in texts); [each.write(bytes({size})) for each in KEPT[-len(texts):]]",
    "arena that settles": "next(CALLS) < 100 and ctypes.memset(LIBRARY.malloc({size}), 1, {size})",
    "cache that fills": "CACHE.update((len(CACHE), bytes(1000)) for _ in texts if len(CACHE) < 200)",
}


@pytest.mark.parametrize(
    ("kind", "size", "outcome"),
    [
        ("python", 100, "fail"), ("python", 100_000, "fail"), ("native", 100, "fail"), ("native", 100_000, "fail"),
        ("resident", 10_000, "fail"), ("arena that settles", 1_000_000, "pass"),
        ("cache that fills", 1000, "pass"),
    ],
)  # fmt: skip
def test_leaks_of_a_hundred_bytes_a_request_are_found_and_what_settles_is_not(
    other: Callable[..., Serving], sets: DataSets, measuring: Measuring, kind: str, size: int, outcome: str
) -> None:
    """Whoever keeps them: Python, which is traced, or native code, which only the allocator knows of."""
    leaks = other(
        ("LABELS = ", SET_UP + "LABELS = "),
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


STARTED = """
def start():
    KEPT.append(subprocess.Popen(["true"]))
    running = subprocess.Popen(
        [sys.executable, "-c", "kept = b'x' * 10**8; print(flush=True); __import__('time').sleep(600)"], stdout=subprocess.PIPE
    )
    KEPT.append((running, running.stdout.readline()))
"""


def test_processes_that_the_model_starts_are_counted_while_they_run(
    other: Callable[..., Serving], sets: DataSets, measuring: Measuring
) -> None:
    """One that holds 100 MB is counted with it; one that has ended, and that nobody waited for, is no obstacle."""
    starts = other(
        ("LABELS = ", SET_UP + STARTED + "LABELS = "),
        ("    found = [", "    KEPT or start()\n    found = ["),
    )
    found = measure_memory(starts, sets.production, measuring.model_copy(update={"batches": (1,)}), seed=0)
    assert found.warm_bytes - found.loaded_bytes > 100_000_000
    assert found.peaks[0].peak_bytes >= found.warm_bytes
    assert isinstance(found.device, Unmeasured)
    assert found.device.why == "the target is cpu, which keeps nothing on a device"


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [("ctypes.string_at(0)", "was ended by SIGSEGV"), ("os.kill(os.getpid(), 9)", "was ended by SIGKILL")],
)
def test_a_crash_while_it_is_watched_is_a_finding_about_the_model(
    other: Callable[..., Serving], sets: DataSets, measuring: Measuring, fault: str, wanted: str
) -> None:
    """The process that serves crashes, not the one that reads its memory."""
    crashes = other(
        ("LABELS = ", "import os" + SET_UP + "LABELS = "),
        ("    found = [", f"    next(CALLS) > 9 and {fault}\n    found = ["),
    )
    with pytest.raises(ModelError, match=wanted):
        measure_memory(crashes, sets.production, measuring, seed=0)


ALLOCATOR = """
#include <stddef.h>
#include <string.h>
static _Alignas(16) char heap[1u << 29];
static size_t used;
void *malloc(size_t size) {
    size_t *at = (size_t *)(heap + __atomic_fetch_add(&used, (size + 31) / 16 * 16, __ATOMIC_RELAXED));
    *at = size;
    return at + 2;
}
void free(void *at) { (void)at; }
void *calloc(size_t count, size_t size) { return memset(malloc(count * size), 0, count * size); }
void *realloc(void *old, size_t size) {
    void *at = malloc(size);
    if (old) memcpy(at, old, ((size_t *)old)[-2] < size ? ((size_t *)old)[-2] : size);
    return at;
}
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler to make an allocator with")
def test_another_allocator_is_not_taken_for_one_that_hands_out_nothing(tmp_path: Path) -> None:
    """The C library counts what it handed out itself: where another one replaces its malloc, the count would stand still."""
    source, library = tmp_path / "allocator.c", tmp_path / "allocator.so"
    source.write_text(ALLOCATOR)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-fno-builtin", "-o", library, source], check=True)
    told = [
        subprocess.run(
            [sys.executable, "-c", "from tasks.performance.memory.soak_worker import _allocated_bytes; print(_allocated_bytes() is None)"],
            env=os.environ | preloaded, capture_output=True, text=True, check=True,
        ).stdout.strip()
        for preloaded in ({}, {"LD_PRELOAD": str(library)})
    ]  # fmt: skip
    assert told == ["False", "True"]
