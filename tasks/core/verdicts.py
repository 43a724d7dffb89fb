"""What gates and a launch come to: limits, checks, gate results, and the decision. All frozen."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    ConfigDict,
    Field,
)

from tasks.core.records import Record, Sha256, Target

Outcome = Literal["pass", "fail", "inconclusive", "unmeasured"]
Severity = Literal["block", "warn"]
Scope = Literal["launch", "variant"]
# The stages after which a gate may stop a launch or a variant, in their order.
Stage = Literal[
    "data",
    "export",
    "determinism",
    "answers",
    "review",
    "robustness",
    "latency",
    "champion-latency",
    "cold-start",
    "memory",
    "load",
]
WORST_FIRST: tuple[Outcome, ...] = ("fail", "unmeasured", "inconclusive", "pass")


class GateLimits(Record):
    """What a policy says of any gate: whether it blocks, and the confidence of its bounds."""

    severity: Severity
    confidence: Annotated[float, Field(ge=0.75, lt=1)] = 0.95


class Check(Record):
    """One comparison inside a gate: the observed value, its confidence bound, and the limit it is held to.

    `needed` is how many rows or calls would settle an inconclusive comparison, where that can be said.
    """

    name: str
    outcome: Outcome
    observed: float | None = None
    bound: float | None = None
    limit: float | None = None
    unit: str = ""
    because: str
    needed: int | None = None


class GateResult(Record):
    """A gate's verdict; `observed`, `bound`, `limit` and `because` are those of the check that decided it."""

    gate: str
    variant: str | None
    severity: Severity
    outcome: Outcome
    observed: float | None
    bound: float | None
    limit: float | None
    unit: str
    confidence: float
    because: str
    checklist: str
    checks: tuple[Check, ...]

    @property
    def blocks(self) -> bool:
        """Tell whether this result holds back what it is of."""
        return self.severity == "block" and self.outcome != "pass"


class PolicyName(Record):
    """The policy that a decision was held to."""

    name: str
    sha256: Sha256


class Decision(Record):
    """The outcome of a launch; written as `decision.json`, whose schema is `docs/decision.schema.json`."""

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    candidate: str
    candidate_sha256: Sha256
    outcome: Literal["promote", "reject"]
    variant: str | None
    target: Target
    policy: PolicyName
    reasons: tuple[str, ...]
    gates: tuple[GateResult, ...]
    environment: dict[str, Any]
    run_id: str
    decided_at: AwareDatetime

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)
