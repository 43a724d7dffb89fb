"""Memory does not grow with the requests served: the bound of the slope over the last part of a soak.

The first part of the soak is left out, where caches and arenas still fill. The slope is taken by ranks, so a step (an
arena that grows once) hardly moves it, and it fails only where most of the steps grow: two or three leaps could be an arena
that settles as well as a leak, which only a longer soak tells apart. What Python and numpy allocated, and what the C library's allocator handed out
to whomever, show leaks of some tens of bytes a request; resident memory also shows maps that neither knows of, but moves
in pages, so its limit is wider.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import MemoryEvidence, Unmeasured, VariantEvidence
from tasks.gates.comparisons import rows_to_settle
from tasks.gates.verdict import Question, absent, at_most, unmeasured, verdict
from tasks.statistics import steady_slope

NAME = "memory-leak"
CHECKLIST = "week 5-6"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("memory",)
NEEDS = "memory over a soak that alternates batch sizes"
DECIDES = "whether the process keeps memory of every request it serves"

SETTLING_SHARE = 0.4  # of the soak's points, left out
FEWEST_POINTS = 8
LONGER_SOAK = 2 / 3  # the width of a slope falls as one over the points' number to 3/2: more of them, further apart
REQUESTS_A_CALL = "2.4"  # on average, of the batches that a soak alternates
MORE_TIME = "soak for longer (measure.soak_seconds); more calls alone put the points further apart"
MORE_STEPS = 2  # that of a mean increment, which holds the lower bound back, as one over their root


class Limits(GateLimits):
    """How much memory a request may leave behind, in bytes."""

    max_python_bytes_per_request: Annotated[
        float, Field(gt=0, description="most bytes kept a request by Python and numpy")
    ]
    max_native_bytes_per_request: Annotated[
        float, Field(gt=0, description="most bytes kept a request by the C library's allocator, whoever asked it")
    ]
    max_rss_bytes_per_request: Annotated[float, Field(gt=0, description="most growth of resident memory a request")]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's memory over a soak."""
    found = evidence.memory
    checks = (absent(found),) if isinstance(found, Unmeasured) else _checks(found, limits)
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name)


def _checks(found: MemoryEvidence, limits: Limits) -> tuple[Check, ...]:
    soaks = (
        ("python", "memory allocated by Python and numpy", found.soak_python, limits.max_python_bytes_per_request),
        ("native", "memory that the C library handed out", found.soak_native, limits.max_native_bytes_per_request),
        ("resident", "resident memory", found.soak_rss, limits.max_rss_bytes_per_request),
    )
    return tuple(_growth(*soak, limits.confidence) for soak in soaks)


def _growth(name: str, what: str, soak: tuple[tuple[int, int], ...], limit: float, confidence: float) -> Check:
    if not soak:
        return unmeasured(name, f"The soak tells nothing of {what}; serve where it is counted (by glibc's own malloc)")
    if len(soak) < FEWEST_POINTS:
        because = f"The soak has {len(soak)} points of {what}, under {FEWEST_POINTS}; {MORE_TIME}"
        return unmeasured(name, because)
    settled = soak[int(len(soak) * SETTLING_SHARE) :]
    try:
        growth = steady_slope([requests for requests, _ in settled], [size for _, size in settled], confidence)
    except ValueError as error:
        because = f"The growth of {what} can't be told ({error}); {MORE_TIME}"
        return unmeasured(name, because)
    question = Question(
        name,
        f"The growth of {what} over {settled[-1][0] - settled[0][0]:,} requests",
        "bytes per request",
        "find what the adapter or the model keeps from request to request",
        f"requests in the soak ({REQUESTS_A_CALL} for each of measure.soak_calls, within measure.soak_seconds)",
    )
    needed = rows_to_settle(soak[-1][0], growth, limit, LONGER_SOAK if growth.estimate <= limit else MORE_STEPS)
    return at_most(question, growth, limit, confidence, needed)
