"""There are enough production requests, enough of them have a label, and the labels are not only for the easy ones.

The counts are known exactly. Whether labels depend on the model's confidence is a comparison of two shares (labelled
among the less confident half of the reference's answers, and among the more confident half), so it is decided by an
interval that must lie within the limit on both sides: an equivalence test, two one-sided tests at `confidence` each.
The same is asked of what the missing labels hide: how far the accuracy of the labelled requests is from the same reweighted
to all requests by confidence and slice.

Slices whose requests are labelled less often than the others', by more than that limit, are named; at most 1 - confidence
of those named are chance (Benjamini and Hochberg). They decide nothing.
"""

from functools import partial
from statistics import NormalDist
from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import Evidence, LabelCoverage, Unmeasured
from tasks.gates.comparisons import rows_to_settle
from tasks.gates.verdict import REFERENCE, Question, absent, at_most, exactly_at_least, show, unmeasured, verdict
from tasks.statistics import Interval, difference_interval, discoveries, smallest_level

NAME = "sample-size"
CHECKLIST = "week 3-4"
SCOPE: Scope = "launch"
STOPS_AFTER: tuple[Stage, ...] = ("data", "review")
NEEDS = "the production sample, and fp32's confidence on it"
DECIDES = "whether there are enough production requests and labels, for confident and unsure answers alike"

LOW, HIGH = "low confidence", "high confidence"


class Limits(GateLimits):
    """The fewest requests and labels, and how far labelling may depend on confidence."""

    min_requests: Annotated[int, Field(ge=1, description="fewest production requests in the sample")]
    min_labelled: Annotated[int, Field(ge=1, description="fewest of them with a label")]
    max_label_share_difference: Annotated[
        float,
        Field(gt=0, lt=1, description="largest difference of the labelled share, confident half against unsure half"),
    ]
    max_label_bias: Annotated[
        float, Field(gt=0, lt=1, description="most that accuracy may move when reweighted to requests without a label")
    ]


def judge(evidence: Evidence, limits: Limits) -> GateResult:
    """Return the verdict on the launch's sample."""
    sample = evidence.sample
    if isinstance(sample, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(sample),))
    remedy = "log more, or ask for a longer window (sample.window_days)"
    requests = Question("requests", "The number of production requests", "requests", remedy)
    labels = Question("labels", "The number of labelled production requests", "requests", f"label more, {remedy}")
    checks = (
        exactly_at_least(requests, sample.rows, limits.min_requests),
        exactly_at_least(labels, sample.labelled_rows, limits.min_labelled),
        _coverage(evidence, limits),
        _bias(evidence, limits),
    )
    scarce = _scarce(evidence, limits)
    note = f"labels are scarce where {', '.join(scarce)}" if scarce else ""
    return verdict(NAME, CHECKLIST, limits, checks, note=note)


def _scarce(evidence: Evidence, limits: Limits) -> list[str]:
    """Return the slices whose labelled share is further below that of the others than the limit, few of them by chance."""
    reference = next((variant for variant in evidence.variants if variant.name == REFERENCE), None)
    if reference is None or isinstance(reference.evaluation, Unmeasured):
        return []
    scores = reference.evaluation.production
    rows, labelled = scores.overall.rows, scores.overall.labelled
    slices = [each for each in scores.label_coverage if each.group not in (LOW, HIGH) and 0 < each.rows < rows]

    def shown(part: LabelCoverage, confidence: float) -> bool:
        others = labelled - part.labelled, rows - part.rows
        gap = difference_interval(*others, part.labelled, part.rows, confidence)
        return gap.low > limits.max_label_share_difference

    levels = [smallest_level(partial(shown, part)) for part in slices]
    return [slices[place].group for place in discoveries(levels, 1 - limits.confidence)]


def _coverage(evidence: Evidence, limits: Limits) -> Check:
    name = "labels by confidence"
    reference = next((variant for variant in evidence.variants if variant.name == REFERENCE), None)
    if reference is None:
        return unmeasured(name, f"There is no {REFERENCE} variant whose confidence could be looked at; launch it too")
    if isinstance(reference.evaluation, Unmeasured):
        return absent(reference.evaluation)
    groups = {group.group: group for group in reference.evaluation.production.label_coverage}
    low, high = groups.get(LOW), groups.get(HIGH)
    if low is None or high is None or low.rows == 0 or high.rows == 0:
        return unmeasured(name, f"The answers don't fall into a {LOW} and a {HIGH} half; give confidences that differ")
    return _equivalence(name, low, high, limits)


def _bias(evidence: Evidence, limits: Limits) -> Check:
    """Hold what accuracy moves by, when all requests count and not the labelled ones alone, to the limit both ways."""
    name = "what missing labels hide"
    reference = next((variant for variant in evidence.variants if variant.name == REFERENCE), None)
    if reference is None or isinstance(reference.evaluation, Unmeasured):
        return unmeasured(name, f"There are no answers of {REFERENCE}; without them nothing is known of the unlabelled")
    found = reference.evaluation.production.label_shift
    if found is None:
        return unmeasured(name, "No production request has a label; label some of them")
    moved, wide = found.accuracy - found.reweighted, found.deviation * NormalDist().inv_cdf(limits.confidence)
    distance = Interval(abs(moved), max(0.0, abs(moved) - wide), abs(moved) + wide)
    question = Question(
        name,
        f"How far the accuracy of labelled requests ({show(found.accuracy, 'accuracy')}) is from that of all of them,"
        f" by confidence and slice ({show(found.reweighted, 'accuracy')}),",
        "accuracy",
        "label a random sample of all requests",
        "labelled requests",
    )
    needed = rows_to_settle(found.labelled, distance, limits.max_label_bias)
    return at_most(question, distance, limits.max_label_bias, limits.confidence, needed)


def _equivalence(name: str, low: LabelCoverage, high: LabelCoverage, limits: Limits) -> Check:
    """Hold the distance of the two labelled shares to the limit, whichever is the larger."""
    gap = difference_interval(high.labelled, high.rows, low.labelled, low.rows, limits.confidence)
    distance = Interval(abs(gap.estimate), max(0.0, gap.low, -gap.high), max(gap.high, -gap.low))
    limit = limits.max_label_share_difference
    where = LOW if gap.estimate < 0 else HIGH
    question = Question(
        name,
        f"The labelled share of {where} answers minus that of the others",
        "share",
        "label a random sample of all answers, or accuracy is that of the answers that were labelled",
        "requests",
    )
    needed = rows_to_settle(low.rows + high.rows, distance, limit)
    return at_most(question, distance, limit, limits.confidence, needed)
