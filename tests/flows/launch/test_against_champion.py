"""The live champion beside a candidate, where a package that both use has moved on since its launch."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.tiny import ADAPTER, quick_policy, write_tiny
from support.wheels import write_wheel

from flows.launch.flow import launch
from infra.ledger.mlflow_ledger import open_ledger
from tasks.environment.lock import owners_of_modules
from tasks.evidence import ChampionEvidence

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.verdicts import Decision, GateResult

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("home", "prefect")]

# each version of the package shifts the scores by another amount
SHADES = ADAPTER.replace("import pandas as pd\n", "import pandas as pd\nimport shades\n").replace(
    "(logits,) = outputs.values()\n",
    "(logits,) = outputs.values()\n    logits = logits + shades.SHIFT * np.array([1.0, -1.0])\n",
)
SHIFTS = {"1.0": 0.0, "2.0": 2.0}
WAIT_SECONDS = 400


def test_the_champion_is_asked_with_the_packages_of_its_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers as its users see it, beside a candidate on the new version; where pip has the old one no more, it is not held against."""
    wheels = tmp_path / "wheels"
    policy = quick_policy(tmp_path / "quick.yaml", block=("champion-regression",), last_stage="review")
    for version, shift in SHIFTS.items():
        wheel = write_wheel(wheels, "shades", version, f"SHIFT = {shift}\n")
        pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(tmp_path / version)]
        subprocess.run([sys.executable, *pip, str(wheel)], check=True, timeout=WAIT_SECONDS)
    candidate = write_tiny(tmp_path / "shaded", adapter=SHADES, settings={"variants": ["fp32"]})

    def launched(version: str, links: Path) -> tuple[Decision, GateResult, ChampionEvidence]:
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path / version)
            patch.setenv("PYTHONPATH", str(tmp_path / version), prepend=os.pathsep)
            patch.setenv("PIP_NO_INDEX", "1")
            patch.setenv("PIP_FIND_LINKS", str(links))
            patch.delitem(sys.modules, "shades", raising=False)
            owners_of_modules.cache_clear()  # a launch installs nothing, as this one seems to
            decision = launch(str(candidate), str(policy))
        (held,) = [gate for gate in decision.gates if gate.gate == "champion-regression"]
        return decision, held, open_ledger().load(decision.run_id).evidence.champion

    first, held, _ = launched("1.0", wheels)
    assert (first.outcome, held.outcome) == ("promote", "pass")
    (wheels / "nothing").mkdir()
    _, held, asked = launched("2.0", wheels / "nothing")
    assert isinstance(asked, ChampionEvidence)
    assert (asked.run_id, asked.packages) == (first.run_id, {"shades": "1.0"})
    assert asked.not_given is not None
    assert "pip cannot install shades==1.0" in asked.not_given
    assert held.outcome == "unmeasured"
    assert "(without the packages of its launch: pip cannot install shades==1.0" in held.because
    _, held, asked = launched("2.0", wheels)
    assert isinstance(asked, ChampionEvidence)
    assert (asked.packages, asked.not_given) == ({"shades": "1.0"}, None)
    assert held.outcome == "fail"  # the shift costs the candidate accuracy, which its twin on the old version keeps
    assert held.observed is not None
    assert held.observed > 0
    assert open_ledger().champion("tiny").run_id == first.run_id
