"""The session really runs on the policy's target: its first provider, and where its nodes ran by its own profile.

A list of available providers proves nothing: onnxruntime falls back to the CPU in silence. What ran where is counted
node by node, so nothing here needs an interval.
"""

from typing import Annotated

from pydantic import Field

from tasks.core.verdicts import Check, GateLimits, GateResult, Scope, Stage
from tasks.evidence import ProviderEvidence, Unmeasured, VariantEvidence
from tasks.gates.verdict import Question, absent, exactly_at_most, unmeasured, verdict

NAME = "execution-provider"
CHECKLIST = "week 1-2"
SCOPE: Scope = "variant"
STOPS_AFTER: tuple[Stage, ...] = ("answers",)
NEEDS = "the session's providers and its profile"
DECIDES = "whether the variant runs on the asked hardware, and how much of it fell back to another provider"


class Limits(GateLimits):
    """How much may run on another provider than the target's."""

    max_other_node_share: Annotated[float, Field(ge=0, lt=1, description="largest share of nodes on another provider")]
    max_other_time_share: Annotated[
        float, Field(ge=0, lt=1, description="largest share of node time on another provider")
    ]


def judge(evidence: VariantEvidence, limits: Limits) -> GateResult:
    """Return the verdict on where one variant runs."""
    found = evidence.provider
    checks = (absent(found),) if isinstance(found, Unmeasured) else _checks(found, limits)
    return verdict(NAME, CHECKLIST, limits, checks, variant=evidence.name)


def _checks(found: ProviderEvidence, limits: Limits) -> tuple[Check, ...]:
    wanted = found.wanted_provider
    if found.session_provider != wanted:
        because = (
            f"The session runs on {found.session_provider}, not on {wanted}; "
            f"install what {wanted} needs on a machine that has the hardware, or ask for another target"
        )
        return (Check(name="session", outcome="fail", because=because),)
    remedy = f"replace the ops that {wanted} has no kernel for"
    nodes = Question("nodes", f"The share of nodes off {wanted}", "share", remedy)
    time = Question("time", f"The share of node time off {wanted}", "share", remedy)
    return (
        _share(nodes, found.nodes, wanted, limits.max_other_node_share),
        _share(time, found.node_seconds, wanted, limits.max_other_time_share),
    )


def _share(question: Question, by_provider: dict[str, int] | dict[str, float], wanted: str, limit: float) -> Check:
    total = sum(by_provider.values())
    if total <= 0:
        return unmeasured(question.name, f"{question.what} is not known: the profile is empty; run it with profiling")
    elsewhere = sum(amount for provider, amount in by_provider.items() if provider != wanted)
    return exactly_at_most(question, elsewhere / total, limit)
