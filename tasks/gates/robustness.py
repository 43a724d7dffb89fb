"""Perturbed production rows: every one must get a usable answer, and the answer must stay where the meaning does.

The share that crashed, or was answered in a form that can't be used, is held by its upper bound over all kinds of input
that real traffic can hold, together. A kind that always crashes could hide among the others, so each is also held alone:
it fails where even its lower bound is over the limit, at the level that is left when all kinds share one (Bonferroni). A
process that hung or was killed fails, and so does one NaN in answer to what traffic can hold. What a service with types
refuses (text for a number, infinity, a list cut short, a missing value where production never lacks one) may raise or end
in NaN, and is counted without being held to the limit.

Answers that flip are held by the upper bound for each kind that leaves the meaning: all must pass, an intersection-union
test, so each is tested at the full level. Where a kind fits so few rows that no flip among them would be enough, it can
only fail. A candidate whose inputs have no such kind (categories and identifiers alone) passes by its crashes alone, and
the verdict says so. Confidence on garbage, and the accuracy that flips cost, are told and not held to a limit.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import PairedTally, Perturbed, RobustnessEvidence, Share, Unmeasured, VariantEvidence
from tasks.gates.comparisons import interval, rate_at_most, rows_to_settle_rate
from tasks.gates.verdict import Question, absent, at_most, exactly_at_most, show, unmeasured, verdict

NAME = "robustness"
CHECKLIST = "week 3-4"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("robustness",)
NEEDS = "the variant's answers to production rows as they are, and perturbed"
DECIDES = "whether odd inputs get a usable answer, and harmless changes leave the answer as it was"

SHOWN = 3


class Limits(GateLimits):
    """How often a perturbed row may crash, and how often a harmless change may turn its answer."""

    max_crash_rate: Annotated[
        float, Field(gt=0, lt=1, description="largest share of odd inputs without a usable answer")
    ]
    max_flip_rate: Annotated[
        float, Field(gt=0, lt=1, description="largest share of answers that a harmless change turns")
    ]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's answers to perturbed rows."""
    found = evidence.robustness
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found),), variant=evidence.name)
    checks = (*_stopped(found), *_crashes(found, limits), *_non_finite(found), *_flips(found, limits))
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name, note=_note(found))


def _stopped(found: RobustnessEvidence) -> tuple[Check, ...]:
    remedy = "cut inputs to a length and a size that the model bears, before it sees them"
    ended = tuple(
        Check(name=_name(kind), outcome="fail", because=f"The process ended at inputs with {_name(kind)}: {kind.stopped}; {remedy}")
        for kind in found.kinds
        if kind.stopped is not None
    )  # fmt: skip
    if not found.not_reached:
        return ended
    because = (
        f"{len(found.not_reached)} kinds of input were not tried within {found.seconds:.0f} s, {found.not_reached[0]} the "
        "first of them; raise measure.robustness_seconds or lower measure.robustness_rows"
    )
    return (*ended, unmeasured("not reached", because))


def _crashes(found: RobustnessEvidence, limits: Limits) -> tuple[Check, ...]:
    tried = [kind for kind in found.kinds if kind.traffic and kind.rows and kind.stopped is None]
    if not tried:
        return (unmeasured("crashes", "No input that real traffic can hold was perturbed, so nothing can be said"),)
    rows = sum(kind.rows for kind in tried)
    crashed = [kind for kind in tried if _failed(kind)]
    remedy = "mend the adapter, or abstain (a prediction of None)" + (
        f", for example {_example(crashed)}" if crashed else ""
    )
    question = Question(
        "crashes", f"The share without a usable answer among {rows:,} perturbed inputs", "share", remedy
    )
    share = Share(events=sum(map(_failed, tried)), trials=rows)
    return (
        rate_at_most(question, share, limits.max_crash_rate, limits.confidence),
        *(check for kind in crashed if (check := _kind(kind, len(tried), limits)) is not None),
    )


def _kind(kind: Perturbed, kinds: int, limits: Limits) -> Check | None:
    """Fail one kind that is over the limit beyond chance; None of any other."""
    share = Share(events=_failed(kind), trials=kind.rows)
    bounds = interval(share, 1 - (1 - limits.confidence) / kinds)
    if bounds.low <= limits.max_crash_rate:
        return None
    what = f"The share without a usable answer among {kind.rows:,} inputs with {_name(kind)}"
    remedy = f"mend the adapter, or abstain (a prediction of None), for example {kind.example}"
    return at_most(Question(_name(kind), what, "share", remedy), bounds, limits.max_crash_rate, limits.confidence)


def _non_finite(found: RobustnessEvidence) -> tuple[Check, ...]:
    broken = [kind for kind in found.kinds if kind.non_finite and kind.traffic]
    remedy = "keep what is not a number out of the graph" + (f", for example {_example(broken)}" if broken else "")
    question = Question("non-finite", "The number of answers that are NaN or infinite", "", remedy)
    return (exactly_at_most(question, sum(kind.non_finite for kind in broken), 0),)


def _flips(found: RobustnessEvidence, limits: Limits) -> tuple[Check, ...]:
    compared = [
        (kind, kind.against_original) for kind in found.kinds if kind.against_original is not None and kind.rows
    ]
    least = rows_to_settle_rate(Share(events=0, trials=1), limits.max_flip_rate, limits.confidence) or 1
    enough = any(tally.rows >= least for _, tally in compared if tally)
    checks = tuple(
        check for kind, tally in compared if tally and (check := _flipped(kind, tally, least, limits)) is not None
    )
    if not compared or enough:
        return checks
    because = (
        f"No harmless change fits the {least:,} rows that it takes to show a flip rate of"
        f" {show(limits.max_flip_rate, 'share')}; log more requests or raise measure.robustness_rows"
    )
    return (*checks, unmeasured("flips", because))


def _flipped(kind: Perturbed, tally: PairedTally, least: int, limits: Limits) -> Check | None:
    """Hold one kind's flips to the limit; None of one with too few rows that has not failed."""
    share = Share(events=tally.flips, trials=tally.rows)
    if tally.rows < least and (not tally.rows or interval(share, limits.confidence).low <= limits.max_flip_rate):
        return None
    lost, gained = int(tally.baseline_only.events), int(tally.candidate_only.events)
    question = Question(
        f"flips: {_name(kind)}",
        f"The share of answers that flip among {tally.rows:,} with {_name(kind)}"
        f" (of {tally.labelled:,} labelled ones {lost} turn wrong and {gained} turn right)",
        "share",
        "train with such inputs, or undo the change before the model sees it (case, blanks, look-alikes)",
        "perturbed rows (measure.robustness_rows)",
    )
    return rate_at_most(question, share, limits.max_flip_rate, limits.confidence)


def _note(found: RobustnessEvidence) -> str:
    garbage = [(kind.kind, kind.mean_confidence) for kind in found.kinds if kind.mean_confidence is not None]
    shown = ", ".join(f"{name} {show(mean, 'share')}" for name, mean in garbage[:SHOWN])
    told = [f"mean confidence on garbage: {shown}"] if garbage else []
    if found.kinds and all(kind.against_original is None or not kind.rows for kind in found.kinds):
        told.append("no harmless change fits these inputs, so no flips were judged")
    if found.columns_left_out:
        told.append(f"{found.columns_left_out} more input columns were not tried")
    return "; ".join(told)


def _failed(kind: Perturbed) -> int:
    return kind.crashes + kind.malformed


def _name(kind: Perturbed) -> str:
    return kind.kind if kind.column is None else f"{kind.kind} ({kind.column})"


def _example(kinds: list[Perturbed]) -> str:
    worst = max(kinds, key=lambda kind: (_failed(kind) + kind.non_finite) / kind.rows)
    return f"{_name(worst)}: {worst.example}"
