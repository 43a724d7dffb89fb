"""What must be right before anything is measured: whatever is wrong here is the user's to mend, and nothing is recorded.

From the first record in the ledger on, what goes wrong is evidence: it is recorded, and the decision is to reject.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from infra.ledger.mlflow_ledger import open_ledger
from infra.storage import check as check_storage
from tasks.candidate.adapter import Adapter
from tasks.candidate.folder import load_candidate
from tasks.core.run_folder import RunFolder
from tasks.cost.machines import machine
from tasks.data.datasets import copy_fixed_sets
from tasks.decision.policy import Policy, load_policy
from tasks.decision.tolerance import marking_of
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from infra.ledger.port import Ledger
    from tasks.core.records import Candidate, Marking, Target

_HANDED_OVER: dict[tuple[str | None, ...], Inputs] = {}


class Inputs(NamedTuple):
    """What a launch starts from, read and checked: the candidate, the policy, and when two answers are the same."""

    candidate: Candidate
    policy: Policy
    marking: Marking


def read_inputs(candidate: str, policy: str | None, target: Target | None) -> tuple[Candidate, Policy]:
    """Return the candidate in a folder and the policy that it is held to; `target` replaces the policy's.

    Raises InputError where either has a mistake.
    """
    subject = load_candidate(candidate, RECIPES)
    own = subject.policy
    bar = load_policy(policy or (str(subject.resolve(own)) if own.endswith((".yaml", ".yml")) else own))
    return subject, bar.replacing(target=target) if target else bar


def check_inputs(candidate: Candidate, policy: Policy, ledger: Ledger) -> Inputs:
    """Return what a launch starts from, after all is checked that would make it fail later. Raises InputError."""
    Adapter(candidate.resolve(candidate.adapter))
    machine(policy.business.machine)
    check_storage(candidate.production_log)
    with tempfile.TemporaryDirectory(prefix="launchgate-") as folder:
        sets = copy_fixed_sets(candidate, RunFolder(Path(folder)))
        marking = marking_of(candidate, policy, sets.evaluation)
    ledger.check()
    return Inputs(candidate, policy, marking)


def hand_over(inputs: Inputs, *asked: str | None) -> None:
    """Keep inputs that a command has checked for the flow that it calls next with the arguments `asked`, once."""
    _HANDED_OVER[asked] = inputs


def take_inputs(candidate: str, policy: str | None, target: Target | None) -> Inputs:
    """Return the inputs that were handed over for these arguments, else read and check them. Raises InputError."""
    found = _HANDED_OVER.pop((candidate, policy, target), None)
    return found or check_inputs(*read_inputs(candidate, policy, target), open_ledger())
