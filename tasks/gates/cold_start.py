"""From the start of a process to its first answer, that answer itself, and the first one after the warm-up.

Processes are started anew several times. The time to the first answer is held by the bound of its median; the first answers
are held each, since every user who meets one has to wait for it. A model that puts off loading something to the first
request shows in the first answer, and in the warm one where the warm-up does not reach what it puts off.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import ColdStartEvidence, Share, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rows_to_settle_rate
from tasks.gates.verdict import Question, absent, at_most, exactly_at_most, unmeasured, verdict
from tasks.statistics import quantile_interval

NAME = "cold-start"
CHECKLIST = "week 9-10"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("cold-start",)
NEEDS = "fresh processes timed to their first answers, without a warm-up and after it"
DECIDES = "whether a new process answers soon enough, and as fast as promised once it is warm"

MS_PER_SECOND = 1000


class Limits(GateLimits):
    """How long a new process may take."""

    max_ready_seconds: Annotated[
        float, Field(gt=0, description="most seconds from a process's start to its first answer")
    ]
    max_first_answer_ms: Annotated[float, Field(gt=0, description="most milliseconds of a process's first answer")]
    max_warm_answer_ms: Annotated[
        float, Field(gt=0, description="most milliseconds of the first answer after the warm-up")
    ]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's cold start."""
    found = evidence.cold_start
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found),), variant=evidence.name)
    return verdict(NAME, CHECKLIST, limits, _checks(found, limits), variant=evidence.name, note=_warmup(found))


def _checks(found: ColdStartEvidence, limits: Limits) -> tuple[Check, ...]:
    if not found.starts:
        return (unmeasured("start", "No process was started; measure some (measure.cold_starts)"),)
    ready = Question(
        "ready",
        f"The time from the start of a process to its first answer, in the median of {len(found.starts)},",
        "s",
        "import and load less, or load it smaller",
        "starts (measure.cold_starts)",
    )
    seconds = [start.ready_seconds for start in found.starts]
    bounds = quantile_interval(seconds, 0.5, limits.confidence)
    # A median is within the limit where the share of starts over it is within a half.
    over = Share(events=sum(one > limits.max_ready_seconds for one in seconds), trials=len(seconds))
    needed = rows_to_settle_rate(over, 0.5, limits.confidence)
    first = Question(
        "first answer",
        f"The slowest first answer of {len(found.starts)} processes",
        "ms",
        "load where the adapter is imported, not at the first request",
    )
    slowest = max(start.first_answer_seconds for start in found.starts) * MS_PER_SECOND
    return (
        at_most(ready, bounds, limits.max_ready_seconds, limits.confidence, needed),
        exactly_at_most(first, slowest, limits.max_first_answer_ms),
        _warm(found, limits),
    )


def _warm(found: ColdStartEvidence, limits: Limits) -> Check:
    answers = [start.calls_ms[0] for start in found.starts if start.warmed and start.calls_ms]
    if not answers:
        return unmeasured(
            "warm answer", "No process answered after a warm-up; start at least two (measure.cold_starts)"
        )
    warm = Question(
        "warm answer",
        f"The slowest first answer after the warm-up, of {len(answers)} processes,",
        "ms",
        "find what a first request sets up that the warm-up does not reach",
    )
    return exactly_at_most(warm, max(answers), limits.max_warm_answer_ms)


def _warmup(found: ColdStartEvidence) -> str:
    cold = [start.settled_after for start in found.starts if not start.warmed]
    if not cold:
        return ""
    calls = len(next(start.calls_ms for start in found.starts if not start.warmed))
    known = [after for after in cold if after is not None]
    steady = f"not steady within {calls} calls" if len(known) < len(cold) else f"steady after {max(known)} calls"
    return f"{steady}, and the warm-up has {found.warmup_calls}"
