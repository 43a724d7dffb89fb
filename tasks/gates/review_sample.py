"""There is something for people to read: enough requests, of every kind that there is, in a form that can be read.

All counts are known exactly, so they are held to their floors as they are. A floor that the sample itself can't reach
(30 requests, two errors) is lowered to what it has. A kind of which there is none (no label, so no error) asks for nothing.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import Evidence, ReviewEvidence, ReviewKind, Unmeasured
from tasks.gates.verdict import Question, absent, exactly_at_least, unmeasured, verdict

NAME = "review-sample"
CHECKLIST = "week 7-8"
SCOPE: Scope = "launch"
STOPS_AFTER: tuple[Stage, ...] = ("review",)
NEEDS = "the requests that were drawn for people to read, and why each of them was"
DECIDES = "whether people can read enough answers: random ones, unsure ones, confident errors, and some of every slice"

RANDOM, SLICE = "random", "slice"
MOST_NAMED = 3
REMEDY = "draw more (review.rows and review.share of the policy)"


class Limits(GateLimits):
    """The fewest requests to read, of all, and of each kind where there are as many."""

    min_rows: Annotated[int, Field(ge=1, description="fewest requests that a person can read")]
    min_share: Annotated[float, Field(gt=0, le=1, description="lowest share of the sample that is drawn")]
    min_kind_rows: Annotated[int, Field(ge=1, description="fewest of the random, the unsure and the wrong ones each")]
    min_slice_rows: Annotated[int, Field(ge=1, description="fewest of each slice")]


def judge(evidence: Evidence, limits: Limits) -> GateResult:
    """Return the verdict on what the launch gives people to read."""
    review = evidence.review
    if isinstance(review, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(review),))
    kinds = [kind for kind in review.kinds if kind.kind != SLICE]
    slices = [kind for kind in review.kinds if kind.kind == SLICE and kind.eligible]
    checks = (
        *_amount(review, limits),
        *(_kind(kind, limits) for kind in kinds if kind.eligible),
        *((_slices(slices, limits),) if slices else ()),
    )
    if not any(kind.kind == RANDOM for kind in kinds):
        checks = (*checks, unmeasured(RANDOM, "No request was drawn at random, so what is read stands for nothing"))
    note = "" if review.masked else "the texts are shown as they were logged, with the personal data in them"
    return verdict(NAME, CHECKLIST, limits, checks, note=note)


def _amount(review: ReviewEvidence, limits: Limits) -> tuple[Check, ...]:
    readable = Question(
        "requests to read",
        f"The number of requests that a person can read, of {review.rows:,} that were drawn,",
        "requests",
        f"log inputs of which masking leaves something, or show raw texts (review.raw_text); else {REMEDY}",
    )
    checks = (exactly_at_least(readable, review.readable_rows, max(1, min(limits.min_rows, review.sample_rows))),)
    if not review.sample_rows:
        return checks
    share = Question("share", f"The share of {review.sample_rows:,} requests that was drawn", "share", REMEDY)
    return (*checks, exactly_at_least(share, review.rows / review.sample_rows, limits.min_share))


def _kind(kind: ReviewKind, limits: Limits) -> Check:
    name = f"{kind.kind} of {kind.of}" if kind.of else kind.kind
    question = Question(name, f"The number of requests drawn as {name}, of {kind.eligible:,},", "requests", REMEDY)
    return exactly_at_least(question, kind.picked, min(limits.min_kind_rows, kind.eligible))


def _slices(slices: list[ReviewKind], limits: Limits) -> Check:
    lacking = [part.of for part in slices if part.picked < min(limits.min_slice_rows, part.eligible)]
    named = ", ".join(lacking[:MOST_NAMED]) + (f" and {len(lacking) - MOST_NAMED} more" * (len(lacking) > MOST_NAMED))
    question = Question(
        "slices",
        f"The number of slices, of {len(slices):,}, with requests to read",
        "slices",
        f"there are too few of {named}: declare columns with fewer values, or {REMEDY}",
    )
    return exactly_at_least(question, len(slices) - len(lacking), len(slices))
