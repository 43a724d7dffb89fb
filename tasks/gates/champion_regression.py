"""The candidate's variant against the live champion, paired on the same production rows: as right, and as fast.

The accuracy lost is held by the upper bound of a paired score test (non-inferiority), and the time of a call by that of
the ratio of medians over blocks of four calls, candidate, champion, champion, candidate. A first launch has no champion to
lose against: it passes and says so, and the absolute floors decide.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import ChampionLatency, FirstLaunch, Paired, TurnTimes, Unmeasured, VariantEvidence
from tasks.gates.comparisons import error_at_most, loss_at_most, rows_to_settle
from tasks.gates.verdict import Question, absent, at_most, unmeasured, verdict
from tasks.statistics import paired_ratio_of_medians

NAME = "champion-regression"
CHECKLIST = "week 3-4"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("answers", "champion-latency")
NEEDS = "the variant's and the champion's answers on the same production rows, with labels, and both timed in turns"
DECIDES = "whether the variant is as accurate on production as the model that is live, and as fast"

SEED = 0  # the bootstrap's: the same evidence gets the same verdict


class Limits(GateLimits):
    """How much accuracy and speed may be lost."""

    margin: Annotated[float, Field(gt=0, lt=1, description="largest loss of accuracy against the champion")]
    max_latency_ratio: Annotated[
        float, Field(ge=1, description="largest time of a call, as a multiple of the champion's")
    ]
    error_margin: Annotated[
        float | None, Field(gt=0, description="largest rise of the mean error, in its own unit")
    ] = None


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant against the champion."""
    found = evidence.evaluation
    if isinstance(found, Unmeasured):
        checks: tuple[Check, ...] = (absent(found),)
    elif isinstance(found.against_champion, Unmeasured):
        checks = (absent(found.against_champion),)
    elif isinstance(found.against_champion, FirstLaunch):
        because = f"This is the first launch of {found.against_champion.model}; the absolute floors decide"
        checks = (Check(name="accuracy", outcome="pass", because=because),)
    else:
        checks = (*_losses(found.against_champion, limits), *_times(evidence.champion_latency, limits))
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name)


def _losses(paired: Paired, limits: Limits) -> tuple[Check, ...]:
    remedy = "keep the champion, and look at the rows that only it gets right"
    lost = Question("accuracy", "The accuracy lost against the live champion on production", "accuracy", remedy)
    checks = (loss_at_most(lost, paired.overall, limits.margin, limits.confidence),)
    if limits.error_margin is None:
        return checks
    risen = Question("error", "The rise of the mean error against the live champion on production", "", remedy)
    return (*checks, error_at_most(risen, paired.error_rise, limits.error_margin, limits.confidence))


def _times(found: ChampionLatency | FirstLaunch | Unmeasured, limits: Limits) -> tuple[Check, ...]:
    if isinstance(found, Unmeasured):
        return (absent(found),)
    if isinstance(found, FirstLaunch) or not found.batches:
        return (unmeasured("latency", "The champion was not timed beside the variant; launch again"),)
    return tuple(_time(times, found, limits) for times in found.batches)


def _time(times: TurnTimes, found: ChampionLatency, limits: Limits) -> Check:
    name = "latency" if times.batch == 1 else f"latency, batch {times.batch}"
    own = [(first + last) / 2 for first, _, _, last in times.blocks]
    live = [(first + second) / 2 for _, first, second, _ in times.blocks]
    try:
        ratio = paired_ratio_of_medians(own, live, limits.confidence, SEED)
    except ValueError as error:
        return unmeasured(name, f"The times at batch {times.batch} can't be compared ({error}); take more calls")
    asked = Question(
        name,
        f"The time of a call at batch {times.batch}, against the live champion's in turns with it,",
        "times",
        "keep the champion, or find what the candidate does more"
        + (f"; {found.noise.note}" if found.noise.note else ""),
        "blocks of four calls (measure.champion_seconds)",
    )
    needed = rows_to_settle(len(times.blocks), ratio, limits.max_latency_ratio)
    return at_most(asked, ratio, limits.max_latency_ratio, limits.confidence, needed)
