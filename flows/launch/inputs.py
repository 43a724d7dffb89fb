"""What must be right before anything is measured: whatever is wrong here is the user's to mend, and nothing is recorded.

From the first record in the ledger on, what goes wrong is evidence: it is recorded, and the decision is to reject.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from infra.ledger.mlflow_ledger import open_ledger
from infra.storage import check as check_storage
from tasks.candidate.adapter import Adapter
from tasks.candidate.folder import load_candidate
from tasks.cost.machines import machine
from tasks.data.datasets import copy_fixed_sets
from tasks.decision.policy import Policy, load_policy
from tasks.decision.tolerance import marking
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from infra.ledger.port import Ledger
    from tasks.core.records import Candidate, Target


def read_inputs(candidate: str, policy: str | None, target: Target | None) -> tuple[Candidate, Policy]:
    """Return the candidate in a folder and the policy that it is held to; `target` replaces the policy's.

    Raises InputError where either has a mistake.
    """
    subject = load_candidate(candidate, RECIPES)
    own = subject.policy
    bar = load_policy(policy or (str(subject.resolve(own)) if own.endswith((".yaml", ".yml")) else own))
    return subject, bar.model_copy(update={"target": target}) if target else bar


def preflight(candidate: Candidate, policy: Policy, ledger: Ledger) -> None:
    """Refuse whatever would make the launch fail later, before anything is measured. Raises InputError."""
    Adapter(candidate.resolve(candidate.adapter))
    machine(policy.business.machine)
    production = candidate.data.production
    check_storage(production if production.startswith("s3://") else str(candidate.resolve(production)))
    with tempfile.TemporaryDirectory(prefix="launchgate-") as folder:
        marking(candidate, policy, copy_fixed_sets(candidate, Path(folder)).evaluation)
    ledger.check()


def check_inputs(candidate: str, policy: str | None, target: Target | None) -> None:
    """Read and check all that a launch is given. Raises InputError."""
    subject, bar = read_inputs(candidate, policy, target)
    preflight(subject, bar, open_ledger())
