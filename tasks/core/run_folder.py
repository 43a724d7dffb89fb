"""The folder of one run: every path in it has its name here, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

DataSetName = Literal["evaluation", "calibration", "production"]


class VariantFolder(NamedTuple):
    """What a launch keeps of one variant."""

    path: Path

    @property
    def graphs(self) -> Path:
        """The folder of its ONNX graphs."""
        return self.path / "graphs"

    def answers(self, data_set: DataSetName) -> Path:
        """Return where its answers to one data set lie, Parquet."""
        return self.path / f"predictions-{data_set}.parquet"

    @property
    def golden(self) -> Path:
        """Recorded inputs with its answers, Parquet, for a later replay."""
        return self.path / "golden.parquet"


class RunFolder(NamedTuple):
    """What a run leaves on this machine, and as artifacts under the same names in the ledger."""

    path: Path

    @property
    def evidence(self) -> Path:
        """All that was measured, JSON."""
        return self.path / "evidence.json"

    @property
    def decision(self) -> Path:
        """The decision, JSON; its schema is docs/decision.schema.json."""
        return self.path / "decision.json"

    @property
    def environment(self) -> Path:
        """Python, packages and hardware, JSON."""
        return self.path / "environment.json"

    @property
    def policy(self) -> Path:
        """The policy that the decision was held to, YAML."""
        return self.path / "policy.yaml"

    @property
    def report(self) -> Path:
        """The report, one HTML page."""
        return self.path / "report.html"

    @property
    def plots(self) -> Path:
        """The folder of the report's plots, SVG."""
        return self.path / "plots"

    @property
    def review(self) -> Path:
        """The requests drawn for people to read, JSON lines."""
        return self.path / "review.jsonl"

    @property
    def quality(self) -> Path:
        """The folder of the data sets' validation results and Data Docs."""
        return self.path / "quality"

    @property
    def data(self) -> Path:
        """The folder of the data sets of the run."""
        return self.path / "data"

    def data_set(self, name: DataSetName) -> Path:
        """Return where one data set of the run lies, Parquet."""
        return self.data / f"{name}.parquet"

    @property
    def candidate(self) -> Path:
        """The snapshot of the candidate."""
        return self.path / "candidate"

    @property
    def champion(self) -> Path:
        """The live champion's files, while the candidate is compared with it."""
        return self.path / "champion"

    @property
    def variants(self) -> Path:
        """The folder that holds a folder for each variant."""
        return self.path / "variants"

    def variant(self, name: str) -> VariantFolder:
        """Return the folder of one variant, or of the champion's answers beside them."""
        return VariantFolder(self.variants / name)


ARTIFACTS = RunFolder(Path())  # the same names, as the ledger knows them
