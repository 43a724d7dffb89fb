"""What else the machine did while it was measured."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tasks.performance.latency.noise import NoiseMeter, OtherLoad, wait_for_quiet


@pytest.mark.process
def test_other_processes_count_as_load_and_own_ones_do_not() -> None:
    """A busy process of another session raises the load; the share stays within none and all."""
    watch = NoiseMeter()
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            watch.tick()
            time.sleep(0.01)
        seen = watch.read()
    finally:
        busy.kill()
        busy.wait()
    assert seen.other_load is not None
    assert 0 < seen.other_load <= 1
    assert seen.other_load * seen.machine_cores > 0.3
    assert "other processes took" in seen.note


@pytest.mark.process
def test_processes_of_a_named_session_are_own_ones() -> None:
    """As the load's generator is, which has a session of its own; what one waits for is waited for no longer than said."""
    watch = OtherLoad()
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        begun = time.monotonic()
        wait_for_quiet(1.0)
        assert time.monotonic() - begun < 5
        others, without = watch.read(), watch.read(busy.pid)
    finally:
        busy.kill()
        busy.wait()
    assert others is not None
    assert without is not None
    assert without < others - 0.1
