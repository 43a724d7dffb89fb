"""The stages of a launch in order, each with the seconds that its policy gives its measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.performance.load.looks import LOOKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.core.settings import Measuring

BEFORE = (
    "sample", "describe-production", "describe-evaluation", "validate-production", "validate-evaluation", "drift",
    "export", "parity",
)  # fmt: skip
CHAMPION = ("champion: replay", "champion")
ANSWERS = ("determinism", "evaluate", "calibrate", "provider", "estimate")
BETWEEN = ("dependencies", "review")
COSTS = ("robustness", "latency", "champion latency", "cold start", "memory", "load")
AFTER = ("report",)
TWICE = 2  # a soak with a trace of memory and one without; turns with the champion at batch 1 and at the served batch


def stages_of(
    variants: Sequence[str], reference: str, measuring: Measuring, *, champion: bool
) -> dict[str, float | None]:
    """Return the stages of a launch of `variants`, in order, each with its budget in seconds; None where it has none.

    A budget is what the policy gives to measuring. A stage that has its count is done earlier; starting processes, and
    longer runs for a service of few requests a second, come on top. Stages that the policy asks for none of are left
    out, and so are those that ask a `champion` where there is none.
    """
    budgets = budgets_of(measuring)
    asked = {
        "load": measuring.load_seconds,
        "cold start": measuring.cold_starts,
    }
    costs = [stage for stage in COSTS if asked.get(stage, 1) and (champion or stage != "champion latency")]
    answers = [
        f"{name}: {stage}" for name in variants for stage in (*(() if name == reference else ("quantize",)), *ANSWERS)
    ]
    plan: dict[str, float | None] = dict.fromkeys([*BEFORE, *(CHAMPION if champion else ()), *answers, *BETWEEN])
    if measuring.variants == "until-one-passes" and len(variants) > 1:
        plan |= dict.fromkeys(f"{name}: screen" for name in variants)
    plan |= {f"{name}: {stage}": budgets.get(stage) for name in variants for stage in costs}
    return plan | dict.fromkeys(AFTER)


def budgets_of(measuring: Measuring) -> dict[str, float]:
    """Return the seconds that a policy gives at most to each stage of a variant that it limits by seconds."""
    return {
        "latency": measuring.latency_seconds + len({*measuring.batches} - {1}) * measuring.batch_seconds,
        "load": LOOKS * measuring.load_seconds,
        "champion latency": TWICE * measuring.champion_seconds,
        "robustness": measuring.robustness_seconds,
        "memory": TWICE * measuring.soak_seconds,
    }
