"""The requests to read of the launch in `report_example`: of every kind, with long, hostile and empty texts among them."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from tasks.core.run_folder import ARTIFACTS, RunFolder
from tasks.evaluation.review import Answer, ReviewRow
from tasks.evidence import Raw, ReviewEvidence, ReviewKind

if TYPE_CHECKING:
    from pathlib import Path

VARIANTS = ("fp32", "int8-dynamic", "int8-static")
LONG = "It came late and was dented, and nobody answered when I wrote to [email]. " * 60
UNBROKEN = "a" * 700
TEXTS = (
    "thanks [handle], it fits and it was cheap",
    LONG,
    "<script>alert('read')</script> & <b>bold</b>",
    UNBROKEN,
    "🙂🙃 日本語 שלום",
    "line one\nline two\tand a tab",
    None,
)


def review() -> ReviewEvidence:
    """Return how many requests were drawn of each kind."""
    kinds = [ReviewKind(kind="random", of="", eligible=4000, picked=40)]
    for name in VARIANTS:
        kinds.append(ReviewKind(kind="low confidence", of=name, eligible=400, picked=20))
        kinds.append(ReviewKind(kind="confident error", of=name, eligible=310, picked=20))
    kinds += [ReviewKind(kind="slice", of=f"source={name}", eligible=1000, picked=7) for name in ("tweets", "nyt")]
    return ReviewEvidence(
        sample_rows=4000,
        rows=110,
        readable_rows=104,
        masked=True,
        kinds=tuple(kinds),
        raw=Raw(path=ARTIFACTS.review.name, sha256=sha256(b"review").hexdigest(), rows=110),
    )


def review_rows() -> list[ReviewRow]:
    """Return 110 requests, each drawn for one reason or two."""
    reasons = [f"{kind.kind} of {kind.of}" if kind.kind != "slice" else kind.of for kind in review().kinds[1:]]
    return [
        ReviewRow(
            why=("random",) if at < 40 else (reasons[at % len(reasons)], *(("source=nyt",) if at % 3 == 0 else ())),
            id=f"req-{at:05d}",
            time="2026-11-03T08:15:00+00:00",
            inputs={"text": TEXTS[at % len(TEXTS)], "words": str(at)},
            label=None if at % 4 == 0 else "negative",
            feedback="not helpful" if at % 5 == 0 else None,
            answers=tuple(_answer(name, at) for name in VARIANTS),
        )
        for at in range(110)
    ]


def write_review(folder: Path) -> None:
    """Write the requests where a launch leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    RunFolder(folder).review.write_text(
        "".join(f"{row.model_dump_json()}\n" for row in review_rows()), encoding="utf-8"
    )


def _answer(variant: str, at: int) -> Answer:
    if at % 11 == 0:
        return Answer(variant=variant, prediction=None, confidence=0.4, outcome="abstained", right=False)
    said = "positive" if at % 2 else "negative"
    right = None if at % 4 == 0 else said == "negative"
    return Answer(variant=variant, prediction=said, confidence=0.93, outcome="answered", right=right)
