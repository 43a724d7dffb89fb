"""The accuracy of every group of users: each slice by one column or two, and the weak one that a search found.

A slice with enough labelled rows must show by its lower bound that it is not below the floor. All of them must, an
intersection-union test, so each is tested at the full level. That a slice fails is shown by its upper bound at the level
that is left when all slices share one (Bonferroni), since of a hundred sound slices five would else look bad by chance.
A smaller slice can't clear itself and would block every launch: it can only fail, and the same rule says when.

The weak slices that the verdict names for people to look at are more: of these at most the same share is chance, not at
most one list in twenty (Benjamini and Hochberg), and each is bounded as one that was picked (Benjamini and Yekutieli).
They decide nothing.
"""

from functools import partial
from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import Scores, Share, Tally, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rows_to_settle_rate
from tasks.gates.verdict import Question, absent, at_least, show, unmeasured, verdict
from tasks.statistics import (
    Interval,
    confidence_of_named,
    discoveries,
    rate_interval,
    smallest_level,
)

NAME = "slice-accuracy"
CHECKLIST = "week 3-4"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("answers",)
NEEDS = "the variant's answers on the production sample, with labels, and the traits of its requests"
DECIDES = "whether the variant is right often enough for every group of requests, and not only on average"

MOST_NAMED = 8  # weak slices, in the verdict's sentence


class Limits(GateLimits):
    """The floor of every slice, and how many rows one must have to be held to it by its lower bound."""

    min_accuracy: Annotated[float, Field(gt=0, lt=1, description="lowest share answered right in any slice")]
    min_slice_rows: Annotated[int, Field(ge=1, description="fewest labelled rows of a slice that must clear itself")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's slices."""
    found = evidence.evaluation
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found),), variant=evidence.name)
    scores = found.production
    if isinstance(scores.traits, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(scores.traits),), variant=evidence.name)
    named = _named(scores)
    tested = {name: tally for name, tally in named.items() if tally.labelled}
    checks = tuple(
        check for name, tally in tested.items() if (check := _check(name, tally, len(tested), limits)) is not None
    )
    cleared = sum(tally.labelled >= limits.min_slice_rows for tally in tested.values())
    if not cleared:
        because = (
            f"None of {len(named)} slices has the {limits.min_slice_rows:,} labelled rows that it takes to clear one;"
            " label more requests or name columns with fewer values"
        )
        checks = (*checks, unmeasured("slices", because))
    note = f"{cleared} of {len(named)} slices have the {limits.min_slice_rows:,} labels to clear themselves"
    note = "; ".join(filter(None, (note, _weak(tested, limits))))
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name, note=note)


def _weak(tested: dict[str, Tally], limits: Limits) -> str:
    """Name the slices that are below the floor, few of them by chance; nothing where there is none."""

    def high(name: str, confidence: float) -> float:
        return rate_interval(tested[name].right.events, tested[name].right.trials, confidence).high

    def shown(name: str, confidence: float) -> bool:
        return high(name, confidence) < limits.min_accuracy

    names, rate = list(tested), 1 - limits.confidence
    found = [names[place] for place in discoveries([smallest_level(partial(shown, name)) for name in names], rate)]
    if not found:
        return ""
    at = confidence_of_named(len(found), len(names), rate)
    worst = sorted((high(name, at), name) for name in found)[:MOST_NAMED]
    told = ", ".join(f"{name} (at most {show(bound, 'accuracy')})" for bound, name in worst)
    told += f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return f"weak, with at most {show(rate, 'share')} of those named by chance: {told}"


def _named(scores: Scores) -> dict[str, Tally]:
    """Return every slice of production under its name; all requests are one where nothing divides them."""
    traits = () if isinstance(scores.traits, Unmeasured) else scores.traits
    parts = {f"{part.column}={part.value}": part.tally for part in (*scores.slices, *traits, *scores.crossed)}
    if scores.weakest is not None:
        parts[f"{scores.weakest.rule} (searched for on other rows)"] = scores.weakest.tally
    return parts or {"all requests": scores.overall}


def _check(name: str, tally: Tally, slices: int, limits: Limits) -> Check | None:
    """Hold one slice to the floor; None of a small one that has not failed."""
    bounds = _bounds(tally.right, slices, limits.confidence)
    small = tally.labelled < limits.min_slice_rows
    if small and bounds.high >= limits.min_accuracy:
        return None
    question = Question(
        name,
        f"The accuracy on the {tally.labelled:,} labelled requests with {name}",
        "accuracy",
        "train on more requests like these, or let the model abstain on them",
        "labelled requests of the slice",
    )
    needed = rows_to_settle_rate(tally.right, limits.min_accuracy, limits.confidence, tally.labelled)
    return at_least(question, bounds, limits.min_accuracy, limits.confidence, needed)


def _bounds(share: Share, slices: int, confidence: float) -> Interval:
    """Return the lower bound at the confidence asked, and the upper one at what is left for each of so many slices."""
    alone = rate_interval(share.events, share.trials, confidence)
    shared = rate_interval(share.events, share.trials, 1 - (1 - confidence) / slices)
    return Interval(alone.estimate, alone.low, shared.high)
