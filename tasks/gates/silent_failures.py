"""Wrong answers that nobody looks at again, because the model was sure of them.

Of all labelled production requests, those that failed or got no answer included, the share with a wrong answer of at
least the policy's confidence is held by its upper bound, and that of each declared slice too, by its own limit: all must
pass (an intersection-union test), so each is tested at the full level. Confident errors are counted at a few thresholds;
the policy's own is rounded down to one of them, which counts more errors, never fewer.

A generated answer can be at fault in its shape, which nobody is told either: it may end in a loop, or have far fewer or
far more tokens than its label; and the lengths of answers may have left those on the evaluation set. Where the policy
sets limits of these, they are held by bounds as well.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import AnswerShapes, ConfidentErrors, Share, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rate_at_most, rows_to_settle
from tasks.gates.verdict import Question, absent, at_most, unmeasured, verdict
from tasks.statistics import distance_interval

NAME = "silent-failures"
CHECKLIST = "week 3-4"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("answers",)
NEEDS = "the variant's answers on the production sample, with labels and confidence"
DECIDES = "whether few enough requests get a wrong answer that the variant is sure of, overall and in every slice"


Rate = Annotated[float | None, Field(gt=0, lt=1)]


class Limits(GateLimits):
    """From which confidence on an error is silent, and how many of all requests may get one."""

    min_confidence: Annotated[float, Field(ge=0.5, lt=1, description="confidence from which nobody looks again")]
    max_rate: Annotated[float, Field(gt=0, lt=1, description="highest share of all requests with a confident error")]
    max_slice_rate: Annotated[float, Field(gt=0, lt=1, description="highest share in any slice with enough rows")]
    min_slice_rows: Annotated[int, Field(ge=1, description="fewest labelled rows of a slice that is judged")]
    max_loop_rate: Rate = Field(None, description="highest share of generated answers that end in a loop")
    max_misshapen_rate: Rate = Field(
        None, description="highest share of answers far shorter, or longer, than their label"
    )
    max_length_distance: Rate = Field(
        None, description="largest distance of answers' lengths from the evaluation set's"
    )


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's confident errors."""
    found, answers = evidence.calibration, evidence.evaluation
    shapes = () if isinstance(answers, Unmeasured) else _shapes(answers.shapes, limits)
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found), *shapes), variant=evidence.name)
    counted = [each for each in found.confident_errors if each.threshold <= limits.min_confidence]
    if not counted:
        because = f"No confident error was counted from a confidence of {limits.min_confidence:g} or less on"
        return verdict(NAME, CHECKLIST, limits, (unmeasured("errors", because), *shapes), variant=evidence.name)
    errors = max(counted, key=lambda each: each.threshold)
    return verdict(NAME, CHECKLIST, limits, (*_checks(errors, limits), *shapes), variant=evidence.name)


def _shapes(found: AnswerShapes | Unmeasured | None, limits: Limits) -> tuple[Check, ...]:
    asked = (limits.max_loop_rate, limits.max_misshapen_rate, limits.max_length_distance)
    if found is None or all(limit is None for limit in asked):
        return ()
    if isinstance(found, Unmeasured):
        return (absent(found),)
    rates = (
        ("repeated", "answers that end in a loop", found.repeated, found.answered, limits.max_loop_rate),
        (
            "shortened",
            "answers far shorter than their label",
            found.shortened,
            found.labelled,
            limits.max_misshapen_rate,
        ),
        (
            "lengthened",
            "answers far longer than their label",
            found.lengthened,
            found.labelled,
            limits.max_misshapen_rate,
        ),
    )
    checks = [
        rate_at_most(
            Question(name, f"The share of {what}", "share", "look at them, and at where generation stops"),
            share,
            limit,
            limits.confidence,
            rows,
        )
        for name, what, share, rows, limit in rates
        if limit is not None
    ]
    if limits.max_length_distance is not None:
        moved = found.lengths
        bounds = distance_interval(
            moved.distance, moved.evaluation_rows, moved.production_effective_rows, limits.confidence, moved.excess
        )
        what = f"The distance of the answers' lengths from those on the evaluation set ({moved.in_words()})"
        question = Question("lengths", what, "share", "find out which requests get answers of another length")
        needed = rows_to_settle(moved.evaluation_rows, bounds, limits.max_length_distance)
        checks.append(at_most(question, bounds, limits.max_length_distance, limits.confidence, needed))
    return tuple(checks)


def _checks(found: ConfidentErrors, limits: Limits) -> tuple[Check, ...]:
    def check(name: str, share: Share, rows: int, limit: float) -> Check:
        question = Question(
            name,
            f"The share of wrong answers with a confidence of {found.threshold:g} or more among {rows:,} labelled"
            f" requests ({name})",
            "share",
            "make the confidence honest (calibrate it on rows like these), or let the model abstain on what it doesn't know",
            "labelled requests",
        )
        return rate_at_most(question, share, limit, limits.confidence, rows)

    large = [part for part in found.slices if part.rows >= limits.min_slice_rows]
    return (
        check("all production requests", found.errors, found.rows, limits.max_rate),
        *(check(f"{part.column}={part.value}", part.errors, part.rows, limits.max_slice_rate) for part in large),
    )
