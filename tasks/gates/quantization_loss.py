"""Each variant against fp32, paired on the same labelled production rows: the accuracy it loses, overall and in slices.

The loss is held by the upper bound of a paired score test (non-inferiority), so equal points prove nothing and small
samples are inconclusive. The overall loss and that of every judged slice must be within its margin; because all must
hold, an intersection-union test, each is tested at the full level and no correction for the number of slices is due.
A slice with too few labels can't be judged and would block every launch, so it is named and left out.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import Paired, PairedSlice, Unmeasured, VariantEvidence
from tasks.gates.comparisons import error_at_most, loss_at_most
from tasks.gates.verdict import REFERENCE, Question, absent, unmeasured, verdict

NAME = "quantization-loss"
CHECKLIST = "week 1-2"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("answers",)
NEEDS = "the variant's and fp32's answers on the same production rows, with labels"
DECIDES = "whether the variant is as accurate on production as fp32, overall and in every slice"

REMEDY = "quantize less (leave the most sensitive nodes in float, calibrate on production-like rows) or launch fp32"


class Limits(GateLimits):
    """How much accuracy may be lost."""

    margin: Annotated[float, Field(gt=0, lt=1, description="largest loss of accuracy overall")]
    slice_margin: Annotated[float, Field(gt=0, lt=1, description="largest loss of accuracy in one slice")]
    min_slice_rows: Annotated[int, Field(ge=1, description="fewest labelled rows of a slice that is judged")]
    error_margin: Annotated[
        float | None, Field(gt=0, description="largest rise of the mean error, in its own unit")
    ] = None


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on one variant's loss against fp32."""
    found = evidence.evaluation
    if isinstance(found, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(found),), variant=evidence.name)
    paired = found.against_reference
    if evidence.name == REFERENCE:
        return verdict(NAME, CHECKLIST, limits, (_reference(paired, limits),), variant=evidence.name)
    small = [part for part in paired.slices if part.tally.rows > 0 and part.tally.labelled < limits.min_slice_rows]
    judged = [part for part in paired.slices if part not in small]
    question = Question("overall", "The accuracy lost against fp32 on production", "accuracy", REMEDY)
    overall = loss_at_most(question, paired.overall, limits.margin, limits.confidence)
    named = ", ".join(f"{part.column}={part.value} ({part.tally.labelled})" for part in small)
    note = f"not judged, with under {limits.min_slice_rows} labelled rows: {named}" if named else ""
    rise: tuple[Check, ...] = ()
    if limits.error_margin is not None:
        asked = Question("error", "The rise of the mean error against fp32 on production", "", REMEDY)
        rise = (error_at_most(asked, paired.error_rise, limits.error_margin, limits.confidence),)
    checks = (overall, *rise, *(_slice(part, limits) for part in judged))
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name, note=note)


def _reference(paired: Paired, limits: Limits) -> Check:
    """Return the check of fp32 itself, whose loss against itself is nothing by definition."""
    if paired.overall.rows == 0:
        return unmeasured("overall", "The reference answered no production row; give it some")
    because = f"{REFERENCE} is the reference that the other variants are held against"
    return Check(
        name="overall", outcome="pass", observed=0, bound=0, limit=limits.margin, unit="accuracy", because=because
    )


def _slice(part: PairedSlice, limits: Limits) -> Check:
    name = f"{part.column}={part.value}"
    question = Question(name, f"The accuracy lost against fp32 where {name}", "accuracy", REMEDY)
    return loss_at_most(question, part.tally, limits.slice_margin, limits.confidence)
