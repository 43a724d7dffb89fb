"""What goes wrong in a launch is recorded, and the decision is to reject: each fault through the whole real flow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from support.tiny import ADAPTER, AS_OF, quick_policy, tiny_log, write_tiny

from flows.launch.flow import launch
from infra.ledger.mlflow_ledger import open_ledger
from tasks.evidence import Evidence, Unmeasured, VariantEvidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tasks.core.verdicts import Decision

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("prefect")]

SHORT: dict[str, Any] = {"batches": [1, 8], "latency_calls": 20, "soak_seconds": 1, "batch_seconds": 1}
MEASURED = ("provider", "evaluation", "calibration", "latency", "determinism", "memory", "cost")


class Launched(NamedTuple):
    """A launch as it was decided and recorded."""

    decision: Decision
    evidence: Evidence

    @property
    def fp32(self) -> VariantEvidence:
        """Return the evidence of its one variant."""
        (variant,) = self.evidence.variants
        return variant

    def gate(self, name: str) -> tuple[str, str]:
        """Return a gate's outcome and reason."""
        (found,) = (gate for gate in self.decision.gates if gate.gate == name)
        return found.outcome, found.because


@pytest.fixture(scope="module")
def rejected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Launched]]:
    """Return a launcher of tiny candidates with a fault, each of which must be rejected and recorded whole."""
    folder = tmp_path_factory.mktemp("faults")
    gates = ("export-parity", "error-rate", "sample-size", "data-quality", "production-accuracy")
    policy = quick_policy(folder / "quick.yaml", block=gates, **SHORT)

    def run(name: str, *changes: tuple[str, str], **options: Any) -> Launched:
        text = ADAPTER
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        held_to = options.pop("policy", policy)
        settings = {"variants": ["fp32"]} | options.pop("settings", {})
        candidate = write_tiny(folder / name, adapter=text, settings=settings, **options)
        decision = launch(str(candidate), str(held_to))
        ledger = open_ledger()
        recorded = ledger.load(decision.run_id)
        assert recorded.decision == decision
        assert decision.outcome == "reject"
        assert ledger.champion("tiny") is None
        return Launched(decision, recorded.evidence)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAUNCHGATE_HOME", str(folder / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield run


def _ended(name: str) -> dict[str, str]:
    """Return how Prefect's server says that the newest launch of a candidate ended, and each of its tasks by name."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        run = next(
            run
            for run in client.read_flow_runs(flow_run_filter=FlowRunFilter(), sort=FlowRunSort.EXPECTED_START_TIME_DESC)
            if Path(run.name).name == name
        )
        tasks = client.read_task_runs(flow_run_filter=FlowRunFilter.model_validate({"id": {"any_": [run.id]}}))
    states = {task.name.rpartition("-")[0]: str(task.state_type.value) for task in tasks if task.state_type}
    return states | {"launch": str(run.state_type.value) if run.state_type else ""}


def test_rows_that_fail_are_counted_and_a_crash_is_a_finding(rejected: Callable[..., Launched]) -> None:
    """One row that raises, one without a confidence and one with too much are three errors, each named.

    The process that measures latency crashes: its evidence says so, its task failed, and the rest is measured.
    """
    rows = tiny_log()
    raises, too_sure, not_sure = rows.loc[~rows["text"].duplicated(keep=False), "text"].iloc[[100, 400, 700]]
    found = rejected(
        "rare",
        (
            "def encode(rows):\n",
            f"SEEN = []\n\n\ndef encode(rows):\n    SEEN[:] = rows['text']\n    assert {raises!r} not in SEEN\n",
        ),
        ("    found = [", "    TIMED and len(rows) == 8 and os.abort()\n    found = ["),
        (
            "import numpy as np\n",
            "import os\nimport sys\n\nimport numpy as np\n\nTIMED = sys.argv[0].endswith('latency/__main__.py')\n",
        ),
        (
            '"confidence": chance.max(axis=1)',
            f'"confidence": [{{{too_sure!r}: 1.5, {not_sure!r}: np.nan}}.get(t, c) for t, c in zip(SEEN, chance.max(axis=1))]',
        ),
    )
    assert not isinstance(found.fp32.evaluation, Unmeasured)
    scores = found.fp32.evaluation.production
    assert (scores.exceptions, scores.malformed, scores.non_finite) == (1, 1, 1)
    told = "\n".join(scores.error_examples)
    assert "exception: encode raised AssertionError: no message at adapter.py:" in told
    assert "malformed: confidence 1.5 is not in [0, 1]" in told
    assert "non_finite: the confidence is not finite" in told
    assert found.gate("error-rate")[0] == "fail"
    assert any(reason.startswith("fp32: error-rate: ") for reason in found.decision.reasons)
    assert [part for part in MEASURED if isinstance(getattr(found.fp32, part), Unmeasured)] == ["latency", "cost"]
    latency = found.fp32.latency
    assert isinstance(latency, Unmeasured)
    assert (latency.finding, latency.crashed) == (True, False)
    assert latency.why.startswith("tasks.performance.latency was ended by SIGABRT")
    assert found.gate("batch-profile") == ("unmeasured", f"The stage fp32: latency has no result: {latency.why}")
    ended = _ended("rare")
    assert ended.pop("latency") == "FAILED"
    assert {*ended.values()} == {"COMPLETED"}


def test_an_encode_that_always_raises_is_a_finding(rejected: Callable[..., Launched]) -> None:
    """The model can't be exported, with the adapter's line; all that can be said without it is recorded."""
    found = rejected("mute", ("    found = [", "    raise KeyError('body')\n    found = ["))
    assert found.gate("export-parity")[0] == "fail"
    assert "encode raised KeyError: 'body' at adapter.py:33" in found.gate("export-parity")[1]
    assert found.gate("data-quality")[0] == "pass"
    assert isinstance(found.fp32.variant, Unmeasured)
    assert "Traceback" not in "\n".join(found.decision.reasons)


def test_outputs_with_wrong_columns_leave_no_answer(rejected: Callable[..., Launched]) -> None:
    """What decode returns instead is told, and no stage takes it for an answer."""
    found = rejected("columns", ('"confidence":', '"score":'))
    assert isinstance(found.fp32.evaluation, Unmeasured)
    assert "decode returned the columns prediction, score; it must return prediction and confidence" in (
        found.fp32.evaluation.why
    )
    assert found.gate("error-rate")[0] == "unmeasured"
    assert isinstance(found.fp32.latency, Unmeasured)
    assert isinstance(found.fp32.memory, Unmeasured)


def test_an_empty_production_window_is_a_gap(rejected: Callable[..., Launched]) -> None:
    """A window without requests measures nothing of the model, and says of the log that it is empty."""
    data = {
        "evaluation": "data/evaluation.parquet", "calibration": "data/calibration.parquet", "production": "data/log",
        "as_of": AS_OF.replace(year=AS_OF.year + 1).isoformat(),
    }  # fmt: skip
    found = rejected("empty", settings={"data": data})
    assert not isinstance(found.evidence.sample, Unmeasured)
    assert found.evidence.sample.rows == 0
    assert found.gate("sample-size")[0] == "fail"
    assert found.gate("data-quality")[0] == "fail"
    assert found.gate("export-parity")[0] == "unmeasured"
    assert (
        "export needs more than 3 production rows with inputs, but the sample has 0" in found.gate("export-parity")[1]
    )
    assert found.decision.reasons[0].startswith(("sample-size: ", "data-quality: "))


def test_what_its_log_rejects_is_not_measured_on_where_the_policy_says_stop(
    rejected: Callable[..., Launched], tmp_path: Path
) -> None:
    """Too short a log rejects the launch before a variant is made; the reason stands where measurements would."""
    stop = quick_policy(tmp_path / "stop.yaml", block=("sample-size",), rejected="stop", **SHORT)
    found = rejected("short", production=tiny_log().head(60), policy=stop)
    why = {getattr(found.fp32, part).why for part in (*MEASURED, "variant") if part != "cost"}
    assert why == {"sample-size rejects the launch already"}
    assert found.gate("export-parity")[0] == "unmeasured"
    assert found.gate("latency-slo")[0] == "unmeasured"
    assert found.decision.reasons[0].startswith("sample-size: ")


def test_what_its_answers_reject_is_not_timed_where_the_policy_says_stop(
    rejected: Callable[..., Launched], tmp_path: Path
) -> None:
    """Answers that are drawn by lot are told at once, so no time and no memory is measured."""
    stop = quick_policy(tmp_path / "stop.yaml", block=("repeatability",), rejected="stop", **SHORT)
    noisy = ("LABELS[chance.argmax(axis=1)]", "np.random.choice(LABELS, len(chance))")
    found = rejected("noisy", noisy, policy=stop)
    assert found.gate("repeatability")[0] == "fail"
    assert not isinstance(found.fp32.determinism, Unmeasured)
    assert isinstance(found.fp32.latency, Unmeasured)
    assert found.fp32.memory == found.fp32.evaluation == found.fp32.latency
    assert found.fp32.latency.why == "repeatability rejects this variant already"


def test_a_log_of_another_schema_is_told_and_scores_nothing(rejected: Callable[..., Launched]) -> None:
    """Labels of another type than the evaluation set's, and a column that vanishes halfway, are both named."""
    log = tiny_log()
    log["label"] = log["label"].map({"negative": 0, "positive": 1})
    log.loc[log.index >= len(log) // 2, "source"] = None
    found = rejected("schema", production=log)
    assert isinstance(found.fp32.evaluation, Unmeasured)
    assert "decode predicts str but the labels are" in found.fp32.evaluation.why
    assert not isinstance(found.evidence.sample, Unmeasured)
    assert found.evidence.sample.missing_columns["source"] == len(log) // 2
    assert not isinstance(found.evidence.production_quality, Unmeasured)
    told = {item.column: item.because for item in found.evidence.production_quality.results if not item.success}
    assert {"label", "source"} <= set(told)
    assert found.gate("data-quality")[0] == "fail"
    assert found.gate("production-accuracy")[0] == "unmeasured"


def test_an_input_column_that_vanishes_halfway_is_counted_as_errors(rejected: Callable[..., Launched]) -> None:
    """Requests that lost their text can't be answered: they count, and the other half is measured."""
    log = tiny_log()
    log["text"] = log["text"].where(log.index < len(log) // 2, None)
    demanding = ('[text if isinstance(text, str) else "" for text in rows["text"]]', 'list(rows["text"])')
    found = rejected("vanished", demanding, production=log)
    assert not isinstance(found.fp32.evaluation, Unmeasured)
    assert found.fp32.evaluation.production.exceptions == len(log) // 2
    assert found.gate("error-rate")[0] == "fail"
    assert found.gate("data-quality")[0] == "fail"
    assert not isinstance(found.fp32.latency, Unmeasured)
