"""Answers for people to read: random ones, unsure ones, confident errors, some of every slice; personal data masked.

A request is there once, with every variant's answer to it and every reason for which it was drawn. The random ones are
drawn by weight, so that they stand for the log (Efraimidis and Spirakis, "Weighted random sampling with a reservoir",
Information Processing Letters 97, 2006).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import orjson
from pydantic import ValidationError

from tasks.core.errors import StageError
from tasks.core.files import digest_bytes, write_whole
from tasks.core.records import Record
from tasks.data.images import drawn_in_text, image_of
from tasks.data.redaction import is_readable, mask, mask_id
from tasks.data.sampling.readers import FEEDBACK
from tasks.data.sampling.reservoir import MOST_VALUES
from tasks.data.sampling.text import text_of
from tasks.evaluation.outcomes import ANSWERED
from tasks.evaluation.slices import declared
from tasks.evidence import Raw, ReviewEvidence, ReviewKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd

    from tasks.core.records import Columns
    from tasks.core.settings import Reviewing

    Hide = Callable[[str], str]

RANDOM_SHARE, OTHER_SHARE = 0.4, 0.2  # of the requests wanted: the random ones, and each other kind of each variant
UNSURE_SHARE = 0.1  # of the answers: those with the lowest confidence
FEWEST_OF_SLICE = 2
LONG_NUMBER = 10**9  # a whole number from here on may be a telephone or a card


class Answer(Record):
    """What a variant said, and whether it is right, None without a label.

    `outcome` is answered, abstained, exception, non_finite or malformed; only an answered request has a prediction.
    """

    variant: str
    prediction: str | None
    confidence: float | None
    outcome: str
    right: bool | None


class ReviewRow(Record):
    """A request to read: why it was drawn, what was asked, what each variant said, what is known of the truth."""

    why: tuple[str, ...]
    id: str | None
    time: str | None
    inputs: dict[str, str | None]
    label: str | None
    feedback: str | None
    answers: tuple[Answer, ...]


class Draw(NamedTuple):
    """Requests that could be drawn for a reason, as positions in the sample, the first to be drawn first."""

    kind: Literal["random", "low confidence", "confident error", "slice"]
    of: str
    eligible: np.ndarray
    quota: int

    @property
    def why(self) -> str:
        """The reason in words."""
        return (
            f"{self.kind} of {self.of}" if self.kind in ("low confidence", "confident error") else self.of or self.kind
        )


def draw_review(
    production: Path, columns: Columns, answers: Mapping[str, Path], reviewing: Reviewing, seed: int, out: Path
) -> ReviewEvidence:
    """Write the requests to read to `out`, a JSON object a line, and say how many there are of each kind.

    `answers` maps a variant to the file of production predictions that `score` saved, the reference first. Raises
    StageError where there are no answers, or answers to other rows than those of the sample.
    """
    import pandas as pd

    rows = pd.read_parquet(production)
    tables = {name: pd.read_parquet(path) for name, path in answers.items()}
    if not tables or rows.empty:
        raise StageError("no variant answered a production request, so there is nothing to read")
    if odd := [name for name, table in tables.items() if len(table) != len(rows)]:
        raise StageError(f"the answers of {', '.join(odd)} are not to the rows of {production.name}; evaluate it again")
    wanted = min(len(rows), max(reviewing.rows, math.ceil(reviewing.share * len(rows))))
    draws = _draws(tables, wanted, seed)
    whys, kinds = _drawn(draws, wanted)
    hide, hide_id = (str, str) if reviewing.raw_text else (mask, mask_id)
    found = [_row(rows.iloc[at], at, why, columns, tables, hide, hide_id) for at, why in whys.items()]
    data = b"".join(row.model_dump_json().encode() + b"\n" for row in found)
    write_whole(out, data)
    return ReviewEvidence(
        sample_rows=len(rows),
        rows=len(found),
        readable_rows=sum(any(value and is_readable(value) for value in row.inputs.values()) for row in found),
        masked=not reviewing.raw_text,
        kinds=kinds,
        raw=Raw(path=out.name, sha256=digest_bytes(data), rows=len(found)),
    )


def read_review(path: Path) -> list[ReviewRow]:
    """Return the requests that `draw_review` wrote; none where there is no such file. Raises StageError for another's."""
    if not path.is_file():
        return []
    try:
        return [ReviewRow.model_validate_json(line) for line in path.read_bytes().splitlines()]
    except ValidationError as error:
        raise StageError(f"{path} does not hold requests to read: {error.errors()[0]['msg'].lower()}") from error


def _draws(tables: Mapping[str, pd.DataFrame], wanted: int, seed: int) -> list[Draw]:
    """Return what could be drawn, kind by kind."""
    reference = next(iter(tables.values()))
    weights = reference["weight"].to_numpy(dtype=float)
    order = np.argsort(np.random.default_rng(seed).exponential(size=len(weights)) / weights, kind="stable")
    other = math.ceil(OTHER_SHARE * wanted)
    draws = [Draw("random", "", order, round(RANDOM_SHARE * wanted))]
    for name, table in tables.items():
        draws += [
            Draw("low confidence", name, _unsure(table, order), other),
            Draw("confident error", name, _confident_errors(table, order), other),
        ]
    return draws + _slice_draws(reference, order, other)


def _drawn(draws: list[Draw], wanted: int) -> tuple[dict[int, list[str]], tuple[ReviewKind, ...]]:
    """Return each request that is drawn with its reasons, and the counts of each kind.

    Where reasons fall on the same requests, more random ones make up the number.
    """
    random = draws[0]
    others = {int(at) for draw in draws[1:] for at in draw.eligible[: draw.quota]}
    quota = random.quota
    drawn = others | {int(at) for at in random.eligible[:quota]}
    while len(drawn) < wanted:
        drawn.add(int(random.eligible[quota]))
        quota += 1
    whys: dict[int, list[str]] = defaultdict(list)
    kinds = []
    for draw in (random._replace(quota=quota), *draws[1:]):
        picked = draw.eligible[: draw.quota]
        for at in picked:
            whys[int(at)].append(draw.why)
        kinds.append(ReviewKind(kind=draw.kind, of=draw.of, eligible=len(draw.eligible), picked=len(picked)))
    return dict(whys), tuple(kinds)


def _unsure(table: pd.DataFrame, order: np.ndarray) -> np.ndarray:
    """Return the answers of the lowest confidence, the lowest first; none where all are equally sure."""
    confidence = _confidence(table)[order]
    known = confidence[np.isfinite(confidence)]
    if not len(known):
        return order[:0]
    low = (confidence <= np.quantile(known, UNSURE_SHARE)) & (confidence < known.max())
    found: np.ndarray = order[low][np.argsort(confidence[low], kind="stable")]
    return found


def _confident_errors(table: pd.DataFrame, order: np.ndarray) -> np.ndarray:
    """Return the wrong answers that are surer than half of all answers, the surest first."""
    confidence = _confidence(table)[order]
    known = confidence[np.isfinite(confidence)]
    if not len(known):
        return order[:0]
    wrong = (table["label"].notna() & ~table["right"]).to_numpy()[order]
    sure = wrong & (confidence >= np.median(known))
    found: np.ndarray = order[sure][np.argsort(-confidence[sure], kind="stable")]
    return found


def _confidence(table: pd.DataFrame) -> np.ndarray:
    """Return the confidence of each answer, NaN where a request has none."""
    confidence = table["confidence"].to_numpy(dtype=float)
    return np.where((table["outcome"] == ANSWERED).to_numpy(), confidence, np.nan)


def _slice_draws(reference: pd.DataFrame, order: np.ndarray, quota: int) -> list[Draw]:
    """Return a draw for each value of each declared column; of a column with too many values none is drawn."""
    parts = declared(reference)
    values = Counter(part.column for part in parts)
    each = max(FEWEST_OF_SLICE, math.ceil(quota / max(len(parts), 1)))
    draws = [
        Draw("slice", f"{part.column}={part.value}", order[part.mask[order]], each)
        for part in parts
        if values[part.column] <= MOST_VALUES
    ]
    crowded = {column: count for column, count in values.items() if count > MOST_VALUES}
    return draws + [Draw("slice", f"{column} ({count:,} values)", order, 0) for column, count in crowded.items()]


def _row(
    row: pd.Series[Any],
    at: int,
    why: list[str],
    columns: Columns,
    tables: Mapping[str, pd.DataFrame],
    hide: Hide,
    hide_id: Hide,
) -> ReviewRow:
    known = {columns.label, *columns.input}
    answers = []
    for name, table in tables.items():
        said = table.iloc[at]
        sure = float(said["confidence"])
        answers.append(
            Answer(
                variant=name,
                prediction=_shown(said["prediction"], hide) if said["outcome"] == ANSWERED else None,
                confidence=sure if math.isfinite(sure) else None,
                outcome=said["outcome"],
                right=bool(said["right"]) if isinstance(said["label"], str) else None,
            )
        )
    return ReviewRow(
        why=tuple(why),
        id=_shown(row[columns.id], hide_id),
        time=_shown(row[columns.time], str),
        inputs={name: _shown(row[name], hide) for name in columns.input},
        label=_shown(row[columns.label], hide),
        feedback=_shown(row[FEEDBACK], hide) if FEEDBACK in row and FEEDBACK not in known else None,
        answers=tuple(answers),
    )


def _shown(value: Any, hide: Hide) -> str | None:
    """Return a value as a person reads it: text as it is, times to the second, an image drawn, other lists as JSON.

    A column of whole numbers with gaps is one of floats, so 1.0 is shown as 1.
    """
    image = image_of(value) if isinstance(value, (list, np.ndarray)) else None
    if image is not None:
        return drawn_in_text(image)
    plain = _hidden(_parsed(value) if isinstance(value, str) else value, hide)
    if isinstance(plain, (list, dict)):
        return text_of(plain)
    if isinstance(plain, float) and not math.isinf(plain):
        return None if math.isnan(plain) else f"{plain:.12g}"
    return plain if plain is None or isinstance(plain, str) else str(plain)


def _parsed(text: str) -> Any:
    """Return the list or object that a text is as JSON, as the sample writes objects, else the text."""
    if text[:1] not in ("[", "{"):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _hidden(value: Any, hide: Hide) -> Any:
    """Return a value whose texts and long whole numbers are hidden, in lists and objects too."""
    plain = value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value
    if isinstance(plain, dict):
        return {str(name): _hidden(item, hide) for name, item in plain.items()}
    if isinstance(plain, (list, tuple)):
        return [_hidden(item, hide) for item in plain]
    if isinstance(plain, (bytes, bytearray)):
        plain = plain.decode(errors="replace")
    if isinstance(plain, datetime):
        return None if plain != plain else plain.isoformat(timespec="seconds")  # noqa: PLR0124  NaT equals nothing
    long = isinstance(plain, int) and abs(plain) >= LONG_NUMBER
    return hide(str(plain)) if long or isinstance(plain, str) else plain
