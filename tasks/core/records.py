"""What a launch is made of: the candidate, its columns, its variants and how they are served. All frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tasks.core.files import digest

Target = Literal["cpu", "cuda"]
Task = Literal["classification", "regression", "generation"]
ServingProtocol = Literal["mlflow", "oip"]
RequestInputs = Literal["columns", "encoded"]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]

S3 = "s3://"


def _must_exist(path: Path | str, info: ValidationInfo, what: str) -> None:
    """Refuse a path that is not there, when the record is read from a file (its folder is then in the context)."""
    if info.context and not (info.context["folder"] / path).exists():
        raise ValueError(f"{what} is not there: {(info.context['folder'] / path).resolve()}")


class Record(BaseModel):
    """Base of everything that is recorded: frozen, closed to unknown keys, and without NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    def replacing(self, **values: Any) -> Self:
        """Return a copy with other values, validated as all of it once was; pydantic's own copy validates nothing."""
        return type(self)(**{**dict(self), **values})


class Checkpoint(Record):
    """The trained weights: a file or a folder, known by its SHA-256.

    `sha256_file` names a file with the digest, for a checkpoint that is trained where it is launched.
    """

    path: Path
    sha256: Sha256 | None = None
    sha256_file: Path | None = None

    @model_validator(mode="after")
    def _one_digest(self) -> Checkpoint:
        if (self.sha256 is None) == (self.sha256_file is None):
            raise ValueError("give exactly one of sha256 and sha256_file, so that the weights are known by content")
        return self

    @model_validator(mode="after")
    def _is_the_one_named(self, info: ValidationInfo) -> Checkpoint:
        if not info.context:
            return self
        hint = "; if the candidate is made by its prepare.py, run that first"
        for path in (self.path, self.sha256_file):
            if path and not (info.context["folder"] / path).exists():
                raise ValueError(f"{(info.context['folder'] / path).resolve()} is not there{hint}")
        wanted, found = self.wanted(info.context["folder"]), digest(info.context["folder"] / self.path)
        if wanted != found:
            raise ValueError(
                f"the weights at {self.path} have SHA-256 {found}, but {wanted} was named; "
                "restore the file, or name the new digest if the change is meant"
            )
        return self

    def wanted(self, folder: Path) -> str:
        """Return the digest that the candidate names, in hexadecimal."""
        if self.sha256_file is None:
            return str(self.sha256)
        words = (folder / self.sha256_file).read_text(encoding="utf-8").split()
        return words[0] if words else "nothing"


class Data(Record):
    """Where a candidate's rows come from; paths are relative to the candidate's folder, `s3://` addresses stand as they are."""

    evaluation: str
    calibration: str
    production: str
    as_of: AwareDatetime | None = None

    @field_validator("evaluation", "calibration", "production")
    @classmethod
    def _is_there(cls, value: str, info: ValidationInfo) -> str:
        if not value.startswith(S3):
            _must_exist(value, info, f"the {info.field_name} data")
        elif info.field_name != "production":
            raise ValueError("only the production log is read from S3; give a local Parquet file")
        return value


class Columns(Record):
    """Which column of the data plays which part.

    `cluster` names what requests may be alike by (a user, a session, a document, a word); the fixed sets may lack it.
    """

    id: str
    time: str
    label: str
    input: Annotated[tuple[str, ...], Field(min_length=1)]
    status: str
    slices: tuple[str, ...] = ()
    cluster: str | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The columns that say what a request is part of: its slices and, where one is named, its cluster."""
        return self.slices if self.cluster is None else (*self.slices, self.cluster)


class Candidate(Record):
    """A model that asks to go live: `candidate.yaml`, plus the folder it was read from."""

    name: Name
    task: Task
    adapter: Path = Path("adapter.py")
    checkpoint: Checkpoint
    variants: Annotated[tuple[str, ...], Field(min_length=1)]
    data: Data
    columns: Columns
    policy: str = "standard"
    lock: Path | None = None
    folder: Path

    @field_validator("adapter", "lock")
    @classmethod
    def _is_there(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None:
            _must_exist(value, info, f"the {info.field_name}")
        return value

    @field_validator("variants")
    @classmethod
    def _are_known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        known = info.context["variants"] if info.context else value
        if unknown := [name for name in value if name not in known]:
            raise ValueError(f"unknown variant {', '.join(unknown)}; known: {', '.join(known)}")
        if len(set(value)) < len(value):
            raise ValueError("a variant stands twice; name each once")
        return value

    def resolve(self, path: Path | str) -> Path:
        """Return `path` as an absolute path; a relative one is meant from the candidate's folder."""
        return (self.folder / path).resolve()

    def address(self, data: str) -> str:
        """Return where data of the candidate lies: an `s3://` address as it is, or an absolute path."""
        return data if data.startswith(S3) else str(self.resolve(data))

    @property
    def production_log(self) -> str:
        """The address of the production log: `s3://bucket/prefix`, or a folder's absolute path."""
        return self.address(self.data.production)


class Variant(Record):
    """One way to run the model: its graphs and where they lie, known by the SHA-256 of all that determines them.

    `graphs` maps a graph's name (`model` where there is one) to the path of its ONNX file.
    """

    name: str
    sha256: Sha256
    graphs: dict[str, Path]
    size_bytes: int
    notes: tuple[str, ...] = ()


class Marking(Record):
    """When an answer that is a number is right, and when two are the same; other answers are, where they are equal.

    A number is right within `tolerance` of its label, and the same as another within `same` of it; both in the label's unit.
    """

    tolerance: Annotated[float, Field(ge=0)] = 0
    same: Annotated[float, Field(ge=0)] = 0


class Serving(Record):
    """All that a process needs to serve a variant and to hold its answers against others.

    `threads` is the number of intra-op threads of each session; 0 leaves the choice to onnxruntime. `packages` is a folder
    of packages that it needs in place of the installed ones, where it does.
    """

    folder: Path
    adapter: Path
    graphs: dict[str, Path]
    target: Target
    threads: int = 0
    input_columns: tuple[str, ...]
    marking: Marking = Marking()
    packages: Path | None = None
