"""What is live, fetched as its launch recorded it: for a launch of it anew, or to hold production against its forecast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.candidate.snapshot import load_kept
from tasks.core.errors import InputError, StageError
from tasks.core.files import digest
from tasks.core.run_folder import ARTIFACTS, RunFolder, VariantFolder
from tasks.decision.policy import parse_policy
from tasks.evidence import Unmeasured

if TYPE_CHECKING:
    from infra.ledger.port import Champion, Ledger, Recorded
    from tasks.core.records import Candidate, Variant
    from tasks.decision.policy import Policy


class Live(NamedTuple):
    """What is live, as its launch recorded it.

    `candidate` and `variant` lie in files fetched for the occasion; `files` is the folder of all that the launch kept of
    the variant, and `data` that of its data sets and its production sample.
    """

    champion: Champion
    recorded: Recorded
    policy: Policy
    candidate: Candidate
    variant: Variant
    files: Path
    data: Path


def champion_of(ledger: Ledger, model: str, purpose: str) -> Champion:
    """Return what is live under the model's name. Raises InputError where nothing is; `purpose` says what it was for."""
    champion = ledger.champion(model)
    if champion is None:
        raise InputError(
            f"the model {model} has no champion to {purpose}; launch a candidate named {model} first, or name "
            "another model"
        )
    return champion


def fetch(ledger: Ledger, champion: Champion, recorded: Recorded, into: Path) -> Live:
    """Copy what the champion's launch kept under `into`. Raises InputError where it is gone or was changed.

    The candidate comes back with its own variant alone, since the others say nothing of what is live; with the evaluation
    and calibration sets that the launch copied; and with the address of its production log.
    """
    run_id, folder = champion.run_id, into / "kept" / recorded.evidence.candidate_folder
    folder.parent.mkdir()
    ledger.fetch(run_id, ARTIFACTS.candidate.name, into).rename(folder)
    data = ledger.fetch(run_id, ARTIFACTS.data.name, into)
    files = ledger.fetch_variant(run_id, champion.variant, into / "variant")
    try:
        kept, variant = load_kept(folder, champion.variant, VariantFolder(files))
    except StageError as error:
        raise InputError(f"version {champion.version} of {champion.model} cannot be served again: {error}") from error
    run = RunFolder(data.parent)
    sets = {"evaluation": str(run.data_set("evaluation")), "calibration": str(run.data_set("calibration"))}
    return Live(
        champion,
        recorded,
        parse_policy(recorded.policy_text, recorded.decision.policy),
        kept.replacing(data=kept.data.replacing(**sets), variants=(champion.variant,)),
        variant,
        files,
        data,
    )


def recorded_answers(recorded: Recorded, variant: str, files: Path) -> Path | Unmeasured:
    """Return the recorded answers among a variant's files. Raises InputError where they are not those of the launch."""
    found = next(item.determinism for item in recorded.evidence.variants if item.name == variant)
    if isinstance(found, Unmeasured):
        return Unmeasured(stage="replay", why=f"the launch recorded no answers: {found.why}")
    golden = files / Path(found.golden.path).name
    if not golden.is_file() or digest(golden) != found.golden.sha256:
        raise InputError(
            f"the recorded answers {found.golden.path} of run {recorded.decision.run_id} are gone or were changed; "
            "bring the run's artifacts back, or launch the candidate anew"
        )
    return golden
