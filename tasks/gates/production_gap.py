"""How much accuracy is lost from the evaluation set to production, and which slices make the loss up.

The two sets are different rows, so the difference of their accuracies has an interval for independent rates; its upper
bound is held to the limit. A slice contributes its share of the labelled production rows times the evaluation set's
accuracy minus its own: over the slices of one column, contributions add up to the gap. The mix of labels contributes
what their changed shares alone would lose, at the mean of the two sets' accuracies on each (Kitagawa, JASA 50 (1955) 1168).

Where the policy says so, the rise of the mean error is held too, by the bounds of both means: the two distances add up as
independent ones do (Zou and Donner, Statistics in Medicine 27 (2008) 1693).
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import EvaluationEvidence, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rows_to_settle
from tasks.gates.verdict import Question, absent, at_most, show, unmeasured, verdict
from tasks.statistics import difference_interval, difference_of, resampled_interval

NAME = "production-gap"
CHECKLIST = "week 3-4"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("answers",)
NEEDS = "the variant's answers on the evaluation set and the production sample, with labels"
DECIDES = "whether the evaluation set's accuracy holds on production, and where it does not"

SLICES_SHOWN = 3


class Limits(GateLimits):
    """How far production may fall behind the evaluation set."""

    max_gap: Annotated[float, Field(gt=0, lt=1, description="largest accuracy lost from evaluation to production")]
    max_error_gap: Annotated[
        float | None, Field(gt=0, description="largest rise of the mean error, in its own unit")
    ] = None


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's gap between evaluation and production."""
    found = evidence.evaluation
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found),), variant=evidence.name)
    parts = [f"made up by {', '.join(makers)}"] if (makers := _contributions(found)) else []
    if (mix := _label_mix(found)) is not None:
        parts.append(f"another mix of labels accounts for {show(mix, 'accuracy')} of it")
    note = "; ".join(parts)
    checks = (_gap(found, limits), *_error_gap(found, limits))
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name, note=note)


def _error_gap(found: EvaluationEvidence, limits: Limits) -> tuple[Check, ...]:
    if limits.max_error_gap is None:
        return ()
    what, limit = "The rise of the mean error from evaluation to production", limits.max_error_gap
    offline, live = found.evaluation.error, found.production.error
    if offline is None or live is None:
        return (unmeasured("error gap", f"{what} can't be told: no row has both a label and an error"),)
    before, after = (resampled_interval(each, limits.confidence) for each in (offline, live))
    if before is None or after is None:
        return (unmeasured("error gap", f"{what} has no bound: there are too few rows, days or clusters"),)
    question = Question(
        "error gap",
        f"{what} (from {show(offline.estimate, offline.unit)} to {show(live.estimate, live.unit)})",
        live.unit,
        "train and evaluate on data that looks like production",
        "labelled production requests" if live.by == "labelled rows" else live.by,
    )
    rise = difference_of(after, before)
    return (at_most(question, rise, limit, limits.confidence, rows_to_settle(live.clusters, rise, limit)),)


def _gap(found: EvaluationEvidence, limits: Limits) -> Check:
    offline, live = found.evaluation.overall, found.production.overall
    if unlabelled := [scores.dataset for scores in (found.evaluation, found.production) if not scores.overall.labelled]:
        return unmeasured("gap", f"No row of the {' or '.join(unlabelled)} data has a label; label some of them")
    question = Question(
        "gap",
        f"The accuracy lost from evaluation ({show(offline.right.value, 'accuracy')})"
        f" to production ({show(live.right.value, 'accuracy')})",
        "accuracy",
        "train and evaluate on data that looks like production",
        "labelled production requests, with as many more evaluation rows in proportion,",
    )
    sets = (offline.right.events, offline.right.trials, live.right.events, live.right.trials)
    gap = difference_interval(*sets, limits.confidence)
    needed = rows_to_settle(live.labelled, gap, limits.max_gap)
    return at_most(question, gap, limits.max_gap, limits.confidence, needed)


def _contributions(found: EvaluationEvidence) -> list[str]:
    """Return the slices that add most to the gap, each with the accuracy points that it adds."""
    offline, live = found.evaluation.overall, found.production.overall
    if not offline.labelled or not live.labelled:
        return []
    level = offline.right.value
    parts = [
        (part.label_share * (level - part.tally.right.value), f"{part.column}={part.value}")
        for part in found.production.slices
        if part.tally.labelled
    ]
    largest = sorted((part for part in parts if part[0] > 0), reverse=True)[:SLICES_SHOWN]
    return [f"{name} ({show(points, 'accuracy')})" for points, name in largest]


def _label_mix(found: EvaluationEvidence) -> float | None:
    """Return what the labels' changed shares alone lose; None where a label is in one of the sets alone."""
    offline = {part.value: part for part in found.evaluation.labels}
    live = {part.value: part for part in found.production.labels}
    if not offline or offline.keys() != live.keys():
        return None
    return sum(
        (offline[value].label_share - live[value].label_share)
        * (offline[value].tally.right.value + live[value].tally.right.value)
        / 2
        for value in offline
    )
