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
WARNING = {"standard": {"drift"}, "selftest": {"drift", "calibration", "silent-failures", "robustness"}}


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


@pytest.mark.parametrize("name", WARNING)
def test_a_policy_loads_and_explains_itself(name: str) -> None:
    """A house policy sets every gate, blocks with all but a few, and gives every number a reason beside it or above."""
    policy = load_policy(name)
    assert list(policy.limits()) == list(GATES)
    assert {gate for gate, limits in policy.limits().items() if limits.severity == "warn"} == WARNING[name]
    lines = (POLICIES / f"{name}.yaml").read_text().partition("\ngates:\n")[2].splitlines()
    numbers = [line for line in lines if line.startswith("    ") and "severity" not in line]
    bare = [line for line in numbers if "#" not in line]
    assert len(bare) < len(numbers) / 3


@pytest.mark.parametrize("gate", GATES)
def test_a_policy_that_leaves_a_gate_out_is_refused_by_name(gate: str, tmp_path: Path) -> None:
    """Fail closed: a gate that a policy forgets is a mistake of the policy, not a gate that passes."""
    content = yaml.safe_load((POLICIES / "selftest.yaml").read_text())
    del content["gates"][gate]
    path = tmp_path / "loose.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=f"gates.{gate}: this key is missing"):
        load_policy(str(path))


def test_a_policy_with_an_unknown_limit_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    """A misspelt limit does not silently leave the gate without it."""
    text = (POLICIES / "selftest.yaml").read_text().replace("max_gap:", "max_gpa:")
    path = tmp_path / "misspelt.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"known here: .*max_gap"):
        load_policy(str(path))
