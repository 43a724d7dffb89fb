"""A champion revalidated for real: launched, promoted, and then held against surroundings that changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from support.tiny import ADAPTER, quick_policy, write_tiny

from flows.launch.flow import launch
from flows.revalidate import revalidate
from infra.ledger.mlflow_ledger import open_ledger
from tasks.core.errors import InputError
from tasks.monitoring.revalidation import Revalidation
from tasks.serving.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.ledger.port import Champion

pytestmark = pytest.mark.server

# The variable stands for a kernel of a library: another version shifts its answers, or can't be loaded.
KERNEL = "TINY_KERNEL"
KERNELS = ADAPTER.replace(
    "import numpy as np\n",
    f'import os\n\nimport numpy as np\n\nSHIFT = float(os.environ.get("{KERNEL}", 0)) * np.array([1.0, -1.0])\n',
).replace("(logits,) = outputs.values()\n", "(logits,) = outputs.values()\n    logits = logits + SHIFT\n")


class Live(NamedTuple):
    """A champion, the folder of its candidate, and that of all that launches leave."""

    champion: Champion
    candidate: Path
    home: Path


@pytest.fixture(scope="module")
def live(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Launch a candidate that is promoted."""
    folder = tmp_path_factory.mktemp("revalidate")
    candidate = write_tiny(folder / "steady", adapter=KERNELS, settings={"variants": ["fp32"]})
    policy = quick_policy(folder / "quick.yaml", block=("export-parity", "repeatability"), last_stage="review")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAUNCHGATE_HOME", str(folder / "home"))
        patch.setenv("PREFECT_API_URL", prefect)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv(KERNEL, raising=False)
        assert launch(str(candidate), str(policy)).outcome == "promote"
        champion = open_ledger().champion("tiny")
        assert champion is not None
        yield Live(champion, candidate, folder / "home")


def test_an_unchanged_environment_is_kept_at_once(live: Live) -> None:
    """With the digest that the launch recorded, nothing is measured, and no run is added to the ledger."""
    before = sorted((live.home / "runs").iterdir())
    verdict = revalidate("tiny")
    assert (verdict.outcome, verdict.run_id, verdict.champion_run_id) == ("keep", None, live.champion.run_id)
    assert "nothing was measured" in verdict.sentence()
    assert sorted((live.home / "runs").iterdir()) == before


def test_a_changed_package_is_launched_again_and_kept(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A distribution that came changes the digest; the same answers and gates keep the champion, in a run of its own."""
    bump = tmp_path / "site" / "kernels-1.0.dist-info"
    bump.mkdir(parents=True)
    (bump / "METADATA").write_text("Metadata-Version: 2.1\nName: kernels\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(bump.parent)
    verdict = revalidate("tiny")
    assert verdict.outcome == "keep"
    assert [str(change) for change in verdict.packages] == ["kernels 1.0 (new)"]
    for graph in (verdict.recorded_graph, verdict.new_graph):
        assert isinstance(graph, Replay)
        assert (graph.difference.rows, graph.difference.flips) == (100, 0)
    assert verdict.run_id
    assert _recorded(live, verdict.run_id, tmp_path) == verdict
    assert open_ledger().load(verdict.run_id).decision.policy.name == "quick"
    assert open_ledger().champion("tiny") == live.champion


def test_a_kernel_that_moves_decisions_is_rejected(live: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Flips on the recorded inputs reject, though every gate passes: the reasons name them, and the alias stays."""
    monkeypatch.setenv(KERNEL, "0.4")
    verdict = revalidate("tiny", force=True)
    found = verdict.recorded_graph
    assert verdict.outcome == "reject"
    assert isinstance(found, Replay)
    assert 0 < found.difference.flips == len(found.flipped) < 100
    assert "positive and is negative" in verdict.reasons[0]
    assert verdict.reasons[0].startswith(f"{found.difference.flips} of 100 recorded decisions flipped on the recorded")
    assert verdict.reasons[1].startswith(f"{found.difference.flips} of 100 recorded decisions flipped on the graph exp")
    assert len(verdict.reasons) == 2  # no gate has a reason of its own
    assert verdict.run_id
    assert _recorded(live, verdict.run_id, tmp_path) == verdict
    assert open_ledger().champion("tiny") == live.champion


def test_a_champion_that_answers_otherwise_here_is_not_compared_with(
    live: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the champion's recorded decisions flip, it is not the model that users have, and no candidate replaces it."""
    monkeypatch.setenv(KERNEL, "0.4")
    rival = write_tiny(tmp_path / "rival", settings={"variants": ["fp32"]})
    policy = quick_policy(tmp_path / "quick.yaml", block=("champion-regression",))
    decision = launch(str(rival), str(policy))
    (held,) = [gate for gate in decision.gates if gate.gate == "champion-regression"]
    assert (decision.outcome, held.outcome) == ("reject", "unmeasured")
    assert "answers its recorded inputs otherwise here than where it was launched" in held.because
    assert "positive and is negative" in held.because
    assert "launchgate revalidate tiny" in held.because
    assert open_ledger().champion("tiny") == live.champion


def test_a_champion_that_can_be_launched_no_more_is_rejected(
    live: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An adapter that the changed environment cannot import is a reject in a run of its own, with the line that failed."""
    monkeypatch.setenv(KERNEL, "libkernels.so is gone")
    verdict = revalidate("tiny", force=True)
    assert verdict.outcome == "reject"
    assert "the recorded graph was not held against the recorded answers" in verdict.reasons[0]
    assert verdict.reasons[-1].startswith("it cannot be launched again: ")
    assert "launched again: steady/adapter.py:" in verdict.reasons[-1]
    assert verdict.run_id
    assert _recorded(live, verdict.run_id, tmp_path) == verdict


def test_a_champion_whose_log_is_gone_is_rejected(live: Live) -> None:
    """Without its production log it can't be launched again; the recorded inputs are replayed all the same."""
    log = live.candidate / "data" / "log"
    away = log.rename(log.with_name("away"))
    try:
        verdict = revalidate("tiny", force=True)
    finally:
        away.rename(log)
    assert isinstance(verdict.recorded_graph, Replay)
    assert verdict.recorded_graph.same_decisions
    assert verdict.reasons[-1] == f"it cannot be launched again: the production data is not there: {log}"


def test_recorded_answers_that_were_changed_are_refused(live: Live) -> None:
    """Answers that are not those of the launch prove nothing, so that nothing is measured against them."""
    (child,) = open_ledger()._runs.children(live.champion.run_id).values()
    golden = Path(child.info.artifact_uri.removeprefix("file://")) / "golden.parquet"
    whole = golden.read_bytes()
    golden.write_bytes(whole[:-1])
    try:
        with pytest.raises(InputError, match="are gone or were changed"):
            revalidate("tiny", force=True)
    finally:
        golden.write_bytes(whole)


def test_a_model_without_a_champion_is_refused(live: Live) -> None:
    """Nothing can be validated again before a first launch was promoted; the message names the model."""
    assert live.champion.model == "tiny"
    for model in ("nobody", "it's"):
        with pytest.raises(InputError, match=f"the model {model} has no champion"):
            revalidate(model)


def _recorded(live: Live, run_id: str, folder: Path) -> Revalidation:
    """Return the verdict that the ledger holds, after the run's tags were found to lead to the champion's."""
    ledger = open_ledger()
    read = Revalidation.model_validate_json(ledger.fetch(run_id, "revalidation.json", folder).read_bytes())
    tags = ledger._client.get_run(run_id).data.tags
    assert tags["launchgate.kind"] == "revalidation"
    assert (tags["verdict"], tags["champion_run"]) == (read.outcome, live.champion.run_id)
    assert ledger._client.get_run(run_id).info.status == "FINISHED"
    return read
