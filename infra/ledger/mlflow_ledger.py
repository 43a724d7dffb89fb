"""The ledger in MLflow: a parent run a launch, a child run a variant, a registry version, and the alias `champion`.

Everything goes through clients of one address, never through MLflow's global active run, so that two launches in one
process cannot mix.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from infra.ledger import address as place
from infra.ledger import presentation as summary
from infra.ledger.metrics import Point, gate_points, headline_points, launch_points, variant_points
from infra.ledger.port import (
    Champion,
    Kind,
    Promotion,
    Recorded,
    Status,
    measured_variant,
    refuse_unless_promote,
    run_name,
)
from infra.ledger.registry import Registry
from infra.ledger.runs import FOLDER_TAG, KIND_TAG, PARENT_TAG, Runs
from tasks.core.errors import InputError
from tasks.core.records import Candidate, Record
from tasks.core.run_folder import ARTIFACTS
from tasks.core.store import home
from tasks.core.verdicts import Decision
from tasks.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlflow import MlflowClient

    from tasks.core.run_folder import RunFolder
    from tasks.decision.policy import Policy
    from tasks.evidence import VariantEvidence

Kept = TypeVar("Kept", bound=Record)

METRICS_A_CALL = 1000


def _mlflow() -> Any:
    """Return MLflow, imported at its first use (it takes seconds), after its settings are in the environment."""
    for name, value in place.SETTINGS.items():
        os.environ.setdefault(name, value)
    import mlflow

    return mlflow


class MlflowLedger:
    """A ledger at an MLflow tracking address: `sqlite:///…`, `postgresql://…`, or the address of an MLflow server.

    `artifact_root` is where the files of a database's ledger go (a folder or an `s3://` address; beside a SQLite file by
    default); a server decides itself. Runs go to the experiment of the model's name.
    """

    def __init__(self, tracking_uri: str, artifact_root: str | None) -> None:
        self.tracking_uri = place.with_driver(tracking_uri)
        self.artifact_root = artifact_root

    @cached_property
    def _client(self) -> MlflowClient:
        client: MlflowClient = _mlflow().MlflowClient(self.tracking_uri, registry_uri=self.tracking_uri)
        return client

    @cached_property
    def _registry(self) -> Registry:
        return Registry(self._client)

    @cached_property
    def _runs(self) -> Runs:
        return Runs(self._client)

    def check(self) -> None:
        """Raise InputError within seconds where the ledger does not answer or its address cannot hold one."""
        if not place.is_server(self.tracking_uri):
            place.probe_database(self.tracking_uri)
        place.artifact_location(self.tracking_uri, self.artifact_root, "")
        with place.environment(place.IMPATIENCE), self._input_errors("does not answer"):
            self._client.search_experiments(max_results=1)

    def start(self, candidate: Candidate, policy: Policy, kind: Kind, tags: dict[str, str]) -> str:
        """Open a run, and keep what was asked for as its first file: a ledger that takes no files fails here.

        Raises InputError where the run cannot be written.
        """
        names = {KIND_TAG: kind, FOLDER_TAG: candidate.folder.name, "candidate": candidate.name}
        with self._input_errors("cannot be written"):
            experiment = self._experiment_id(candidate.name)
            run = self._client.create_run(experiment, tags=tags | names, run_name=run_name(candidate, policy, kind))
        run_id = str(run.info.run_id)
        asked = {"candidate": candidate.model_dump(mode="json"), "policy": policy.reference.model_dump(), "kind": kind}
        try:
            with self._input_errors(f"cannot write files to {run.info.artifact_uri}"):
                self._client.log_text(run_id, json.dumps(asked, indent=2), "request.json")
                self._log(run_id, params=summary.asked_params(candidate, policy))
        except BaseException as error:
            self.stop(run_id, "FAILED" if isinstance(error, Exception) else "KILLED", place.first_line(error))
            raise
        return run_id

    def record(self, run_id: str, evidence: Evidence, decision: Decision, folder: RunFolder) -> None:
        """Keep a launch's files, then its numbers, and its outcome last: a run with an outcome is recorded to its end."""
        of_variants = {folder.variant(variant.name).path for variant in evidence.variants}
        kept = {*folder.path.glob("[!.]*"), *folder.variants.glob("[!.]*")} - {folder.variants} - of_variants
        for item in sorted(kept):
            self._upload(run_id, item, folder.variants.name if item.parent == folder.variants else "")
        for path, record in ((folder.evidence, evidence), (folder.decision, decision)):
            if not path.is_file():
                self._client.log_text(run_id, record.model_dump_json(by_alias=True, indent=2), path.name)
        for name, table in summary.tables(decision, folder).items():
            self._client.log_text(run_id, json.dumps(table), name)
        self._log_data_sets(run_id, evidence, folder)
        children = self._runs.children(run_id)
        for order, variant in enumerate(evidence.variants):
            child = children.get(variant.name)
            child_id = str(child.info.run_id) if child else self._open_child(run_id, variant.name, order)
            for item in sorted(folder.variant(variant.name).path.glob("[!.]*")):
                self._upload(child_id, item)
            self._record_child(child_id, variant, decision)
        self._record_parent(run_id, evidence, decision)

    def _record_parent(self, run_id: str, evidence: Evidence, decision: Decision) -> None:
        shown = measured_variant(evidence, decision)
        points = [*launch_points(evidence), *gate_points(item for item in decision.gates if item.variant is None)]
        points += [point for item in evidence.variants if item.name == shown for point in headline_points(item)]
        params = {"candidate_sha256": evidence.candidate_sha256, "environment_sha256": evidence.environment.sha256}
        self._log(run_id, points, params, summary.parent_tags(evidence, decision, shown), _milliseconds(decision))

    def _record_child(self, run_id: str, variant: VariantEvidence, decision: Decision) -> None:
        gates = gate_points(item for item in decision.gates if item.variant == variant.name)
        params = {"variant": variant.name, "target": decision.target, "policy": decision.policy.name}
        points = [*variant_points(variant), *gates]
        self._log(run_id, points, params, summary.child_tags(variant, decision), _milliseconds(decision))
        self._client.set_terminated(run_id, "FINISHED")

    def _open_child(self, run_id: str, variant: str, order: int) -> str:
        """Open the nested run of a variant. It takes the launch's start, plus a millisecond a variant to keep their order."""
        parent = self._client.get_run(run_id).info
        tags = {PARENT_TAG: run_id, "variant": variant}
        child = self._client.create_run(parent.experiment_id, parent.start_time + order, tags, variant)
        return str(child.info.run_id)

    def add(self, run_id: str, file: Path, tags: dict[str, str], metrics: Mapping[str, float] | None = None) -> None:
        """Keep one more file or folder of a run, tags and numbers."""
        self._upload(run_id, file)
        points = [Point(*each) for each in (metrics or {}).items()]
        self._log(run_id, points, tags=tags, time_ms=time.time_ns() // 1_000_000)

    def stop(self, run_id: str, status: Status, reason: str) -> None:
        """Close a run, and those of its children that are open."""
        self._client.set_tag(run_id, "launchgate.stopped", summary.shorten(reason))
        for child in self._runs.children(run_id).values():
            if child.info.status == "RUNNING":
                self._client.set_terminated(str(child.info.run_id), status)
        self._client.set_terminated(run_id, status)

    def register(self, run_id: str, decision: Decision) -> str:
        """Return the registry version of the variant decided on, else of fp32, made once; "" where there is neither."""
        children = self._runs.children(run_id)
        made = [
            name
            for name in (decision.variant, "fp32")
            if name in children and summary.VARIANT_TAG in children[name].data.tags
        ]
        if not made:
            return ""
        child = children[made[0]]
        tags = {"variant": made[0], summary.VARIANT_TAG: child.data.tags[summary.VARIANT_TAG], "launch_run": run_id}
        version = self._registry.register(
            decision.candidate,
            str(child.info.run_id),
            str(child.info.artifact_uri),
            summary.decision_tags(decision) | tags,
            summary.note(decision),
        )
        self._client.set_tag(run_id, "version", version)
        return version

    def promote(self, run_id: str) -> Promotion:
        """Make the recorded decision's variant the champion, once: a decision that was promoted before moves nothing.

        Raises InputError for a run that was not recorded to its end, or that did not decide to promote.
        """
        if "outcome" not in self._client.get_run(run_id).data.tags:
            raise InputError(f"run {run_id} was not recorded to its end, so it decided nothing; launch again")
        decision = self._read(run_id, ARTIFACTS.decision.name, Decision)
        variant = refuse_unless_promote(run_id, decision)
        version = self.register(run_id, decision)
        if not version:
            raise InputError(f"run {run_id} holds no files of variant {variant}, so it cannot go live; launch again")
        return self._registry.promote(decision.candidate, version)

    def champion(self, model: str) -> Champion | None:
        """Return what is live, None before a first launch; InputError where that is no version of a launch."""
        return self._registry.champion(model)

    def history(self, model: str) -> tuple[Champion, ...]:
        """Return every champion that was promoted, the oldest first."""
        return self._registry.history(model)

    def find(self, run: str) -> str:
        """Return the id of a launch from its id, a unique start of it, its name, or its candidate's folder (the latest)."""
        return self._runs.find(run)

    def load(self, run_id: str) -> Recorded:
        """Return a recorded launch; InputError where the run holds none, or one of another version of launchgate."""
        with tempfile.TemporaryDirectory() as folder:
            policy = self.fetch(run_id, ARTIFACTS.policy.name, Path(folder)).read_text(encoding="utf-8")
        return Recorded(
            evidence=self._read(run_id, ARTIFACTS.evidence.name, Evidence),
            decision=self._read(run_id, ARTIFACTS.decision.name, Decision),
            policy_text=policy,
        )

    def fetch(self, run_id: str, artifact: str, into: Path) -> Path:
        """Copy a file or folder of a launch under `into` and return where it is; InputError where the run has none."""
        into.mkdir(parents=True, exist_ok=True)
        try:
            return Path(self._client.download_artifacts(run_id, artifact, str(into)))
        except (_mlflow().MlflowException, OSError) as error:
            raise InputError(
                f"run {run_id} has no file {artifact} that can be read: {place.first_line(error)}"
            ) from error

    def fetch_variant(self, run_id: str, variant: str, into: Path) -> Path:
        """Copy a variant's files into `into` and return it; InputError where the launch has no such variant."""
        children = self._runs.children(run_id)
        if variant not in children:
            raise InputError(f"run {run_id} has no variant '{variant}'; it has {', '.join(children) or 'none'}")
        for item in self._client.list_artifacts(str(children[variant].info.run_id)):
            self.fetch(str(children[variant].info.run_id), item.path, into)
        return into

    def url(self, run_id: str) -> str | None:
        """Return the address of a run's page on the MLflow server, None where the ledger is a database."""
        if not place.is_server(self.tracking_uri):
            return None
        return place.page(self.tracking_uri, self._client.get_run(run_id).info.experiment_id, run_id)

    def pages(self, server: str) -> dict[str, str]:
        """Return the address of each model's launches on an MLflow server that shows this ledger, by the model's name."""
        return {name: place.page(server, experiment) for name, experiment in self._runs.models().items()}

    def _read(self, run_id: str, artifact: str, record: type[Kept]) -> Kept:
        with tempfile.TemporaryDirectory() as folder:
            data = self.fetch(run_id, artifact, Path(folder)).read_bytes()
        try:
            return record.model_validate_json(data)
        except ValidationError as error:
            raise InputError(
                f"{artifact} of run {run_id} cannot be read by this version of launchgate: {place.first_line(error)}; launch again"
            ) from error

    def _experiment_id(self, name: str) -> str:
        """Return the experiment's id; it is made where there is none, once also when two launches ask together."""
        found = self._client.get_experiment_by_name(name)
        if found is None:
            location = place.artifact_location(self.tracking_uri, self.artifact_root, name)
            try:
                return str(self._client.create_experiment(name, location))
            except _mlflow().MlflowException:
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage != "active":
            raise InputError(
                f"the MLflow experiment '{name}' is deleted; bring it back with "
                f"`mlflow experiments restore --experiment-id {found.experiment_id}`"
            )
        return str(found.experiment_id)

    def _upload(self, run_id: str, item: Path, under: str = "") -> None:
        """Keep a file or folder under its own name."""
        if item.is_dir():
            self._client.log_artifacts(run_id, str(item), f"{under}/{item.name}".lstrip("/"))
        else:
            self._client.log_artifact(run_id, str(item), under or None)

    def _log_data_sets(self, run_id: str, evidence: Evidence, folder: RunFolder) -> None:
        entities = _mlflow().entities
        inputs = [
            entities.DatasetInput(entities.Dataset(**fields), [entities.InputTag(*tag) for tag in tags.items()])
            for fields, tags in summary.data_sets(evidence, folder)
        ]
        self._runs.log_inputs(run_id, inputs, _mlflow().MlflowException)

    def _log(
        self,
        run_id: str,
        points: Iterable[Point] = (),
        params: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
        time_ms: int = 0,
    ) -> None:
        """Log in as few calls as MLflow allows. Points of one time are kept once, however often they are logged."""
        entities = _mlflow().entities
        metrics = [entities.Metric(point.name, float(point.value), time_ms, point.step) for point in points]
        for start in range(0, len(metrics), METRICS_A_CALL):
            self._client.log_batch(run_id, metrics[start : start + METRICS_A_CALL], synchronous=True)
        self._client.log_batch(
            run_id,
            params=[entities.Param(key, summary.shorten(str(value))) for key, value in (params or {}).items()],
            tags=[entities.RunTag(key, summary.shorten(value)) for key, value in (tags or {}).items()],
            synchronous=True,
        )

    @contextmanager
    def _input_errors(self, what: str) -> Iterator[None]:
        """Turn a ledger that refuses into the user's error: its address, what failed, and the cause beneath MLflow's words."""
        try:
            yield
        except (_mlflow().MlflowException, OSError) as error:
            raise InputError(
                f"the ledger {place.without_password(self.tracking_uri)} {what}: {place.first_line(place.root(error))}; "
                "start it or correct MLFLOW_TRACKING_URI"
            ) from error


def _milliseconds(decision: Decision) -> int:
    """Return the one time of all points of a launch: a point that is logged again is the same point."""
    return int(decision.decided_at.timestamp() * 1000)


def open_ledger() -> MlflowLedger:
    """Return the ledger of this machine: a SQLite file under `tasks.core.store.home()`, unless MLFLOW_TRACKING_URI names another.

    The files of a database's ledger go to `$LAUNCHGATE_ARTIFACTS` (a folder or an `s3://` address), else beside that file.
    """
    own = home()
    address = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{own / 'mlflow.db'}"
    return MlflowLedger(address, os.environ.get("LAUNCHGATE_ARTIFACTS") or str(own / "artifacts"))
