"""Where evidence was taken: hardware and every distribution, under one digest."""

from __future__ import annotations

from importlib.metadata import version

from tasks.core.files import digest_of
from tasks.environment.describe import describe_environment


def test_the_environment_is_the_same_twice_and_names_every_distribution() -> None:
    """Its digest covers versions and hardware, but not how much memory the machine has."""
    one, two = describe_environment(), describe_environment()
    assert one == two
    assert one.packages["numpy"] == version("numpy")
    assert one.cores >= 1 < one.memory_bytes
    facts = one.model_dump(exclude={"sha256", "memory_bytes"})
    assert digest_of(facts) == one.sha256
