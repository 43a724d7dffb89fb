"""The exported graph gives torch's answers on production rows, at several batch sizes, the shortest and longest inputs.

Decisions that flip are a rate over the rows of all cases together, held by its exact upper bound. The largest
difference of an output is a maximum over the rows that were tested, held as it is, in each case. A case that the graph
could not run (a shape baked in at export) fails.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import Evidence, ExportEvidence, Share, Unmeasured
from tasks.gates.comparisons import differences, rate_at_most
from tasks.gates.verdict import Question, absent, unmeasured, verdict

NAME = "export-parity"
CHECKLIST = "week 1-2"
SCOPE: Scope = "launch"
STOPS_AFTER: tuple[Stage, ...] = ("export",)
NEEDS = "the exported graph and torch on the same production rows"
DECIDES = "whether the ONNX graph decides as the torch model does, at every batch size and input length tried"

REMEDY = "export with dynamic shapes and in evaluation mode, and look for an op whose meaning changed"


class Limits(GateLimits):
    """How far the graph may be from torch."""

    max_flip_rate: Annotated[float, Field(gt=0, lt=1, description="largest share of rows whose decision flips")]
    max_relative_difference: Annotated[
        float, Field(gt=0, description="largest difference of an output, as a share of its root mean square")
    ]


def judge(evidence: Evidence, limits: Limits) -> GateResult:
    """Return the verdict on the launch's exported graph."""
    export = evidence.export
    if isinstance(export, Unmeasured):
        return verdict(NAME, CHECKLIST, limits, (absent(export),))
    training = ", ".join(export.training_modules)
    note = f"left in training mode by build(): {training}; call eval() there" if training else ""
    return verdict(NAME, CHECKLIST, limits, _checks(export, limits), note=note)


def _checks(export: ExportEvidence, limits: Limits) -> tuple[Check, ...]:
    if export.error is not None:
        because = f"The model can't be exported to ONNX: {export.error}"
        return (Check(name="export", outcome="fail", because=because),)
    if not export.parity:
        return (unmeasured("parity", "The graph was not held against torch in any case; give it production rows"),)
    compared = [case for case in export.parity if case.error is None]
    question = Question("flips", "The share of decisions that flip from torch to the graph", "share", REMEDY)
    flips = rate_at_most(
        question,
        Share(events=sum(case.flips for case in compared), trials=sum(case.rows for case in compared)),
        limits.max_flip_rate,
        limits.confidence,
    )
    return (flips, *differences(export.parity, limits.max_relative_difference, REMEDY))
