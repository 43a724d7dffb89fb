"""Policies: the house's own, and what may not be left out of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tasks.core.errors import InputError
from tasks.core.files import digest
from tasks.cost.machines import machine
from tasks.decision.policy import POLICIES, load_policy, parse_policy
from tasks.gates import GATES

if TYPE_CHECKING:
    from pathlib import Path

HOUSE = sorted(path.stem for path in POLICIES.glob("*.yaml"))


@pytest.mark.parametrize("name", HOUSE)
def test_a_house_policy_is_whole(name: str) -> None:
    """Each is called as its file is, holds every gate's limits, and names a machine that has a price."""
    policy = load_policy(name)
    assert policy.name == name
    assert set(policy.limits()) == set(GATES)
    assert machine(policy.business.machine).usd_per_hour > 0
    assert policy.business.serving_batch in policy.measure.batches


def test_a_policy_is_known_by_its_files_content(tmp_path: Path) -> None:
    """Two files that differ in a comment have different digests: what was read is what is named."""
    text = (POLICIES / "selftest.yaml").read_text()
    for name, content in (("one.yaml", text), ("two.yaml", text + "# more\n")):
        (tmp_path / name).write_text(content)
    one, two = (load_policy(str(tmp_path / name)) for name in ("one.yaml", "two.yaml"))
    assert one.sha256 == digest(tmp_path / "one.yaml") != two.sha256
    assert one.reference.sha256 == one.sha256


def test_a_recorded_policy_is_read_back_under_its_digest() -> None:
    """What a run keeps of its policy judges again as the policy did."""
    policy = load_policy("standard")
    assert parse_policy(policy.text(), policy.reference) == policy


@pytest.mark.parametrize(
    ("part", "key", "value", "wanted"),
    [
        ("business", "peak_per_second", 1, "peak_per_second is below mean_per_second"),
        ("business", "utilisation", 1.0, "less than or equal to 0.9"),
        ("measure", "batches", [], "at least 1 item"),
        ("sample", "rows", 0, "greater than or equal to 1"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused(
    tmp_path: Path, part: str, key: str, value: object, wanted: str
) -> None:
    """A peak under the mean, a machine that is always busy, nothing to measure, no sample: none is a policy."""
    policy = yaml.safe_load((POLICIES / "selftest.yaml").read_text())
    policy[part][key] = value
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(policy))
    with pytest.raises(InputError, match=wanted):
        load_policy(str(path))
