"""A variant's answers to production rows that were perturbed, in a process of its own that may hang or be killed.

Runs alone too: `python -m tasks.evaluation.robustness.measure REQUEST.json RESPONSE.json`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tasks.candidate.adapter import AdapterError
from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.core.records import Marking, Record, Serving
from tasks.core.worker import answer_request, run_worker
from tasks.data.images import image_in_words, image_of
from tasks.data.redaction import mask
from tasks.data.sampling.write import WEIGHT
from tasks.evaluation.outcomes import ABSTAINED, ANSWERED, BROKEN
from tasks.evaluation.predict import BATCH, predict_all
from tasks.evaluation.robustness.columns import Draw, describe_column
from tasks.evaluation.robustness.plan import PerturbedRows, content, perturb, perturbation_named, plan_trials
from tasks.evaluation.scores import right
from tasks.evidence import PairedTally, Perturbed, Raw, RobustnessEvidence
from tasks.serving.differences import flips
from tasks.serving.server import Server, lengths

if TYPE_CHECKING:
    import pandas as pd

    from tasks.candidate.adapter import Arrays
    from tasks.core.settings import Measuring

MOST_COLUMNS = 32
SHARE_BEFORE_STOP = 0.5  # of the time, after which no further kind is begun; one that takes the rest is taken to hang
CHARACTERS_SHOWN = 60


class RobustnessRequest(Record):
    """What to perturb: `count` production rows a kind, in `seconds`; progress and raw answers go to the two files."""

    serving: Serving
    rows: Path
    label: str
    count: int
    seconds: float
    seed: int
    progress: Path
    raw: Path


class Plan(Record):
    """What a process set out to do; the first line of its progress."""

    rows: int
    kinds: tuple[str, ...]
    columns_left_out: int


class RobustnessDone(Record):
    """The process came to its end."""

    seconds: float


@dataclass(frozen=True)
class Originals:
    """Production rows as they were [rows]: inputs, labels, and what the variant answered."""

    inputs: pd.DataFrame
    labels: pd.Series[Any]
    answers: pd.DataFrame


def measure_robustness(
    serving: Serving, rows: Path, label: str, measuring: Measuring, seed: int, out: Path
) -> RobustnessEvidence:
    """Return the answers to perturbed rows of the production sample at `rows`, whose labels are in the column `label`.

    A process that hangs or is killed at one kind leaves what it knew by then, and that kind as stopped. Raises StageError
    where the variant does not run on the target, or answers none of the rows as they are.
    """
    out.mkdir(parents=True, exist_ok=True)
    progress, raw = out / ".robustness-progress.jsonl", out / "robustness.jsonl"
    for path in (progress, raw):
        path.write_bytes(b"")
    request = RobustnessRequest(
        serving=serving,
        rows=rows,
        label=label,
        count=measuring.robustness_rows,
        seconds=measuring.robustness_seconds,
        seed=seed,
        progress=progress,
        raw=raw,
    )
    started, stopped = time.monotonic(), None
    try:
        run_worker("tasks.evaluation.robustness.measure", request, RobustnessDone, measuring.robustness_seconds)
    except StageError as error:
        if not progress.stat().st_size:
            progress.unlink()
            raise
        stopped = str(error)
    plan, kinds = _read_progress(progress, stopped)
    progress.unlink()
    if stopped is not None and all(kind.stopped is None for kind in kinds):
        raise StageError(f"it was not a perturbed input that ended the process: {stopped}")
    reached = {perturbation_named(kind.kind, kind.column) for kind in kinds}
    return RobustnessEvidence(
        rows=plan.rows,
        kinds=kinds,
        not_reached=tuple(name for name in plan.kinds if name not in reached),
        columns_left_out=plan.columns_left_out,
        seconds=time.monotonic() - started,
        raw=Raw(
            path=f"{out.parent.name}/{out.name}/{raw.name}", sha256=digest(raw), rows=raw.read_bytes().count(b"\n")
        ),
    )


def perturb_rows(request: RobustnessRequest) -> RobustnessDone:
    """Answer production rows as they are and perturbed, kind by kind; the body of the child."""
    import pandas as pd

    started = time.monotonic()
    table = pd.read_parquet(request.rows)
    if table.empty:
        raise StageError("the production sample has no row to perturb")
    server = Server(request.serving)
    originals = _originals(server, table, request)
    names = request.serving.input_columns
    tried = sorted(Draw(request.seed).sample(range(len(names)), min(MOST_COLUMNS, len(names))))
    columns = [column for index in tried if (column := describe_column(table[names[index]])) is not None]
    trials = plan_trials(columns, originals.inputs, request.seed)
    plan = Plan(
        rows=len(originals.inputs),
        kinds=tuple(trial.name for trial in trials),
        columns_left_out=len(names) - len(tried),
    )
    _write_line(request.progress, plan)
    try:
        for trial in trials:
            if time.monotonic() - started > SHARE_BEFORE_STOP * request.seconds:
                break
            _try(trial, server, originals, request)
    except Exception:
        request.progress.write_bytes(b"")  # a fault of this stage says nothing of the model
        raise
    return RobustnessDone(seconds=time.monotonic() - started)


def _try(trial: PerturbedRows, server: Server, originals: Originals, request: RobustnessRequest) -> None:
    """Answer the rows of one trial; that it was begun is on the disk before, and what came of it after."""
    places, changed = perturb(trial, originals.inputs, request.seed)
    begun = Perturbed(
        kind=trial.kind.name, column=trial.column, rows=len(places), traffic=trial.traffic, stopped="it did not end"
    )  # fmt: skip
    _write_line(request.progress, begun)
    answers = _answers(server, originals, places, changed, long=trial.kind.long)
    marking = request.serving.marking
    _write_line(request.progress, _counted(begun, trial, originals, places, changed, answers, marking))
    _write_raw(request.raw, begun, places, answers)


def _originals(server: Server, table: pd.DataFrame, request: RobustnessRequest) -> Originals:
    """Draw rows with chances in proportion to their weights, so that each then counts alike, and answer them.

    Rows without a usable answer are left out, since it is not the perturbation that fails there; the evaluation counts
    them. Raises StageError where none is left.
    """
    weights = table[WEIGHT].to_numpy(dtype=np.float64) if WEIGHT in table else np.ones(len(table))
    draw = np.random.default_rng(request.seed)
    size = min(request.count, int((weights > 0).sum()))
    drawn = table.iloc[draw.choice(len(table), size, replace=False, p=weights / weights.sum())].reset_index(drop=True)
    inputs = drawn[list(request.serving.input_columns)]
    answers = predict_all(server, inputs).frame
    usable = answers["outcome"].isin([ANSWERED, ABSTAINED]).to_numpy()
    if not usable.any():
        raise StageError(f"none of the {size} production rows was answered as it is: {answers['why'].iloc[0]}")
    labels = drawn.loc[usable, request.label].reset_index(drop=True)
    return Originals(inputs[usable].reset_index(drop=True), labels, answers[usable].reset_index(drop=True))


def _answers(
    server: Server, originals: Originals, places: np.ndarray, rows: pd.DataFrame, *, long: bool
) -> pd.DataFrame:
    """Return the answers to changed rows; equal rows, and rows encoded as they were before, are answered once."""
    import pandas as pd

    answers = originals.answers.iloc[places].reset_index(drop=True)
    alike = np.zeros(len(rows), dtype=bool) if long else _alike(server, originals.inputs.iloc[places], rows)
    keys = [content(list(row)) for row in rows.itertuples(index=False, name=None)]
    first: dict[bytes, int] = {}
    for index in np.flatnonzero(~alike):
        first.setdefault(keys[index], int(index))
    if not first:
        return answers
    asked = rows.iloc[list(first.values())].reset_index(drop=True)
    parts = [asked.iloc[[index]].reset_index(drop=True) for index in range(len(asked))] if long else [asked]
    new = pd.concat([_predicted(server, part) for part in parts], ignore_index=True)
    position = {key: index for index, key in enumerate(first)}
    fresh = np.flatnonzero(~alike)
    taken = new.iloc[[position[keys[index]] for index in fresh]].set_axis(fresh)
    return pd.concat([answers[alike], taken]).sort_index()


def _predicted(server: Server, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the answers to some rows, each an exception where all of them raise."""
    import pandas as pd

    try:
        return predict_all(server, rows).frame
    except StageError as error:
        failed = {"prediction": None, "confidence": np.nan, "outcome": "exception", "why": str(error)}
        return pd.DataFrame([failed] * len(rows))


def _alike(server: Server, before: pd.DataFrame, after: pd.DataFrame) -> np.ndarray:
    """Tell for each row whether the adapter encodes it as it did before the change, so that its answer is the same."""
    alike = np.zeros(len(after), dtype=bool)
    order = np.argsort(lengths(before), kind="stable")
    for part in (order[start : start + BATCH] for start in range(0, len(order), BATCH)):
        try:
            one, other = (server.adapter.encode(rows.iloc[part].reset_index(drop=True)) for rows in (before, after))
        except AdapterError:
            continue
        alike[part] = _equal_rows(one, other, len(part))
    return alike


def _equal_rows(one: Arrays, other: Arrays, rows: int) -> np.ndarray:
    """Tell for each row whether it is the same to the bit in both batches."""
    equal = np.ones(rows, dtype=bool)
    for name, before in one.items():
        after = other.get(name)
        if after is None or (before.shape, before.dtype) != (after.shape, after.dtype) or len(one) != len(other):
            return np.zeros(rows, dtype=bool)
        if before.dtype.hasobject or before.shape[:1] != (rows,) or not before.size:
            return np.zeros(rows, dtype=bool)
        bits, others = (np.ascontiguousarray(array).reshape(rows, -1).view(np.uint8) for array in (before, after))
        equal &= (bits == others).all(axis=1)
    return equal


def _counted(
    begun: Perturbed,
    trial: PerturbedRows,
    originals: Originals,
    places: np.ndarray,
    rows: pd.DataFrame,
    answers: pd.DataFrame,
    marking: Marking,
) -> Perturbed:
    outcome = answers["outcome"].to_numpy()
    counts = {kind: int((outcome == name).sum()) for kind, name in zip(("crashes", "non_finite", "malformed"), BROKEN, strict=True)}  # fmt: skip
    confidence = answers.loc[outcome == ANSWERED, "confidence"].to_numpy()
    garbage = trial.kind.garbage and len(confidence) > 0
    broken = np.flatnonzero(np.isin(outcome, BROKEN))
    return begun.model_copy(
        update=counts
        | {
            "stopped": None,
            "abstained": int((outcome == ABSTAINED).sum()),
            "against_original": _paired(originals, places, answers, marking) if trial.kind.preserving else None,
            "mean_confidence": float(confidence.mean()) if garbage else None,
            "example": _example(trial, rows, answers, int(broken[0])) if broken.size else None,
        }
    )


def _paired(originals: Originals, places: np.ndarray, answers: pd.DataFrame, marking: Marking) -> PairedTally:
    """Hold the answers against those to the same rows as they were; a row that crashed is counted as such alone."""
    usable = answers["outcome"].isin([ANSWERED, ABSTAINED]).to_numpy()
    labels = originals.labels.iloc[places].reset_index(drop=True)
    before = originals.answers.iloc[places].reset_index(drop=True)
    now_right, was_right = right(labels, answers, marking), right(labels, before, marking)
    flipped = flips(
        before["prediction"], answers["prediction"], marking.tolerance
    )  # a number that is as right as before is no flip
    labelled = labels.notna().to_numpy() & usable
    return PairedTally.counted(
        rows=int(usable.sum()),
        flips=int(flipped[usable].sum()),
        labelled=int(labelled.sum()),
        candidate_only=int((now_right & ~was_right & labelled).sum()),
        baseline_only=int((was_right & ~now_right & labelled).sum()),
    )


def _example(trial: PerturbedRows, rows: pd.DataFrame, answers: pd.DataFrame, index: int) -> str:
    """Return an input that had no usable answer and why, in characters that every file can hold."""
    given = rows[trial.columns[0].name].astype(object).iloc[index]
    image = image_of(given) if isinstance(given, (list, np.ndarray)) else None
    value = image_in_words(image) if image is not None else mask(ascii(given))
    shown = value if len(value) <= CHARACTERS_SHOWN else f"{value[:CHARACTERS_SHOWN]}..."
    return f"{trial.columns[0].name}={shown}: {_plain(answers['why'].iloc[index])}"


def _plain(text: object) -> str:
    return str(text).encode("utf-8", "backslashreplace").decode()


def _write_line(path: Path, record: Record) -> None:
    """Append a record, on the disk before the next input can end this process."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(record.model_dump_json() + "\n")


def _write_raw(path: Path, about: Perturbed, places: np.ndarray, answers: pd.DataFrame) -> None:
    columns = (answers[name].tolist() for name in ("outcome", "prediction", "confidence"))
    with path.open("ab") as stream:
        for place, outcome, prediction, confidence in zip(places.tolist(), *columns, strict=True):
            line = {"kind": about.kind, "column": about.column, "row": place, "outcome": outcome,
                    "prediction": None if prediction is None else _plain(prediction), "confidence": confidence}  # fmt: skip
            stream.write(orjson.dumps(line) + b"\n")


def _read_progress(path: Path, stopped: str | None) -> tuple[Plan, tuple[Perturbed, ...]]:
    """Return the plan and the kinds that were begun, each as it was last written."""
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    kinds: dict[str, Perturbed] = {}
    for line in lines[1:]:
        kind = Perturbed.model_validate_json(line)
        kinds[perturbation_named(kind.kind, kind.column)] = kind
    ended = (
        kind if kind.stopped is None else kind.model_copy(update={"stopped": stopped or kind.stopped})
        for kind in kinds.values()
    )
    return Plan.model_validate_json(lines[0]), tuple(ended)


if __name__ == "__main__":
    answer_request(RobustnessRequest, perturb_rows)
