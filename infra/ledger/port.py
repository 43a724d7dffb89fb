"""What a launch needs of a ledger, and the records that it answers with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import AwareDatetime

from tasks.core.errors import InputError
from tasks.core.records import Candidate, Record
from tasks.core.verdicts import Decision
from tasks.evidence import Evidence, Unmeasured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.core.run_folder import RunFolder
    from tasks.decision.policy import Policy


Kind = Literal["launch", "revalidation", "watch"]
Status = Literal["FINISHED", "FAILED", "KILLED"]
PREFIX_LENGTH = 4


class Champion(Record):
    """The version that is live, and the launch that decided it; `promoted_at` is unset where the alias was moved by hand."""

    model: str
    version: str
    run_id: str
    variant: str
    decided_at: AwareDatetime
    previous: str | None = None
    promoted_at: AwareDatetime | None = None


class Promotion(Record):
    """What a promotion did: the version that was asked for, the champion it replaced, and whether anything moved."""

    model: str
    version: str
    previous: str | None
    changed: bool


class Recorded(Record):
    """A launch read back from the ledger."""

    evidence: Evidence
    decision: Decision
    policy_text: str


class Ledger(Protocol):
    """Where launches are recorded and champions are named. Run ids are those of the launch's parent run."""

    def check(self) -> None:
        """Raise InputError within seconds where nothing could be recorded."""

    def start(self, candidate: Candidate, policy: Policy, kind: Kind, tags: dict[str, str]) -> str:
        """Open a run for a launch and return its id."""

    def record(self, run_id: str, evidence: Evidence, decision: Decision, folder: RunFolder) -> None:
        """Keep all that a launch measured and decided; recording the same again adds nothing."""

    def add(self, run_id: str, file: Path, tags: dict[str, str], metrics: Mapping[str, float] | None = None) -> None:
        """Keep one more file or folder of a run, tags and numbers: what was concluded after a launch was recorded."""

    def stop(self, run_id: str, status: Status, reason: str) -> None:
        """Close a run, and whatever of it is still open."""

    def register(self, run_id: str, decision: Decision) -> str:
        """Return the registry version of the variant decided on, else of fp32, made once; "" where there is neither."""

    def promote(self, run_id: str) -> Promotion:
        """Make the recorded decision's variant the champion, once; InputError where it is not to be promoted."""

    def champion(self, model: str) -> Champion | None:
        """Return what is live, None before a first launch."""

    def history(self, model: str) -> tuple[Champion, ...]:
        """Return every champion that was promoted, the oldest first."""

    def find(self, run: str) -> str:
        """Return the id of a launch from its id, the start of it, or its name; InputError where none or several match."""

    def load(self, run_id: str) -> Recorded:
        """Return a recorded launch."""

    def fetch(self, run_id: str, artifact: str, into: Path) -> Path:
        """Copy a file or folder of a launch under `into` and return where it is."""

    def fetch_variant(self, run_id: str, variant: str, into: Path) -> Path:
        """Copy a variant's files into `into` and return it."""

    def pages(self, server: str) -> dict[str, str]:
        """Return the address of each model's launches on a server that shows this ledger, by the model's name."""

    def url(self, run_id: str) -> str | None:
        """Return the address of a run's page, None where no server shows it."""


def run_name(candidate: Candidate, policy: Policy, kind: Kind) -> str:
    """Return the name of a launch's run: the candidate's folder and the policy, and the kind where it is no launch."""
    parts = [candidate.folder.name, policy.name, *([] if kind == "launch" else [kind])]
    return " · ".join(parts)


def measured_variant(evidence: Evidence, decision: Decision) -> str:
    """Return the variant that stands for a launch: the one decided on, else fp32 if it could be made, else ""."""
    made = {item.name for item in evidence.variants if not isinstance(item.variant, Unmeasured)}
    return next((name for name in (decision.variant, "fp32") if name in made), "")


def refuse_unless_promote(run_id: str, decision: Decision) -> str:
    """Return the variant to promote; InputError where the decision is another."""
    if decision.outcome != "promote" or decision.variant is None:
        raise InputError(
            f"run {run_id} decided {decision.outcome} for {decision.candidate}, so nothing can be promoted; "
            f"read why with `launchgate show {run_id[:8]}`"
        )
    return decision.variant
