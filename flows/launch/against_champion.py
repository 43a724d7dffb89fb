"""The live champion, asked for its answers beside a candidate as it gives them to its users."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from flows import steps
from flows.champion import recorded_answers
from tasks.candidate.snapshot import load_kept
from tasks.core.errors import InputError, StageError
from tasks.environment.overlay import differing
from tasks.evidence import ChampionEvidence, FirstLaunch, Unmeasured
from tasks.serving.replay import named
from tasks.serving.server import serving_of

if TYPE_CHECKING:
    from pathlib import Path

    from flows.launch.context import Launch
    from infra.ledger.port import Champion
    from tasks.core.records import Serving
    from tasks.data.datasets import DataSets
    from tasks.evidence import Evidence
    from tasks.serving.replay import Replay

FETCHED = "champion"  # the folder of the live champion's files, while it is compared with
log = logging.getLogger("launchgate")


class Incumbent(NamedTuple):
    """The live champion in this launch: the file of its answers to the production sample, how it is served, and how it was asked."""

    answers: Path | FirstLaunch | Unmeasured
    served: Serving | FirstLaunch | Unmeasured
    evidence: ChampionEvidence | FirstLaunch | Unmeasured


def nobody(why: FirstLaunch | Unmeasured) -> Incumbent:
    """Return the incumbent of a launch that asks none."""
    return Incumbent(why, why, why)


def ask_incumbent(current: Launch, sets: DataSets | Unmeasured) -> Incumbent:
    """Let the live champion answer the same production sample, with its own variant, adapter and packages.

    It is first asked its recorded inputs: where it decides any of them otherwise than when it was launched, what it says
    here is not what its users get, and nothing is held against it. Its files stay in the launch's folder until all variants
    are measured.
    """
    live = current.ledger.champion(current.candidate.name)
    if live is None:
        return nobody(FirstLaunch(model=current.candidate.name))
    if isinstance(sets, Unmeasured):
        return nobody(sets)
    into = current.folder / FETCHED
    try:
        kept = current.ledger.fetch(live.run_id, "candidate", into)
        files = current.ledger.fetch_variant(live.run_id, live.variant, into / "variant")
        champion, variant = load_kept(kept, live.variant, files)
        recorded = current.ledger.load(live.run_id)
        golden = recorded_answers(recorded, live.variant, files)
    except (InputError, StageError) as error:
        why = f"the champion, version {live.version}, can't be loaded: {error}"
        return nobody(Unmeasured(stage="champion", why=why))
    asked, packages = _with_own_packages(live, recorded.evidence)
    policy = current.policy
    served = serving_of(champion, variant, policy.target, policy.measure.threads, current.marking).model_copy(
        update={"packages": packages}
    )
    then = served.model_copy(update={"marking": recorded.evidence.marking})
    limit = policy.measure.stage_timeout_seconds
    again = steps.attempt("champion: replay", steps.replay, "champion", then, golden, limit)
    if not isinstance(again, Unmeasured) and not again.same_decisions:
        again = Unmeasured(stage="champion", why=_otherwise(live, asked, again))
    if isinstance(again, Unmeasured):
        return Incumbent(again, again, asked)
    out = current.folder / "variants" / "champion"
    answers = steps.attempt("champion", steps.ask_champion, served, sets.production, current.candidate, limit, out)
    return Incumbent(answers, answers if isinstance(answers, Unmeasured) else served, asked)


def _with_own_packages(live: Champion, launched: Evidence) -> tuple[ChampionEvidence, Path | None]:
    """Return how the champion is asked, and the folder of the packages of its launch that are not installed here."""
    asked = ChampionEvidence(version=live.version, run_id=live.run_id, variant=live.variant, packages={})
    if isinstance(launched.dependencies, Unmeasured):
        why = f"its launch did not record which packages it was served with: {launched.dependencies.why}"
        return asked.model_copy(update={"not_given": why}), None
    packages = differing(launched.dependencies.imported)
    if not packages:
        return asked, None
    found = steps.attempt("champion: packages", steps.lay_over, packages, launched.environment.python)
    if isinstance(found, Unmeasured):
        return asked.model_copy(update={"packages": packages, "not_given": found.why}), None
    return asked.model_copy(update={"packages": packages}), found


def _otherwise(champion: Champion, asked: ChampionEvidence, found: Replay) -> str:
    """Say how the champion answers its recorded inputs here, and what to do about it."""
    difference = found.difference
    what = difference.error or (
        f"{difference.flips} of {difference.rows} decisions are others ({named(found.flipped)})"
    )
    lacking = f" (without the packages of its launch: {asked.not_given})" if asked.not_given else ""
    return (
        f"the champion, version {champion.version}, answers its recorded inputs otherwise here than where it was "
        f"launched{lacking}: {what}; hold it against this environment first: launchgate revalidate {champion.model}"
    )
