"""The live champion beside a candidate: its answers to the same production sample, given with its own packages."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from flows import steps
from flows.champion import recorded_answers
from tasks.candidate.snapshot import load_kept
from tasks.core.errors import InputError, StageError
from tasks.core.run_folder import ARTIFACTS, VariantFolder
from tasks.environment.overlay import differing
from tasks.evidence import ChampionEvidence, FirstLaunch, Unmeasured
from tasks.serving.replay import named_flips
from tasks.serving.server import serving_of

if TYPE_CHECKING:
    from pathlib import Path

    from flows.launch.context import Launch
    from infra.ledger.port import Champion
    from tasks.core.records import Serving
    from tasks.evidence import Evidence
    from tasks.serving.replay import Replay

log = logging.getLogger("launchgate")


class LiveChampion(NamedTuple):
    """The live champion beside a candidate: the file of its answers to the production sample, how it is served, how it was asked.

    Each is the reason instead where there is none: a first launch, or what went wrong.
    """

    answers: Path | FirstLaunch | Unmeasured
    served: Serving | FirstLaunch | Unmeasured
    evidence: ChampionEvidence | FirstLaunch | Unmeasured


def nobody(why: FirstLaunch | Unmeasured) -> LiveChampion:
    """Return the place of a champion in a launch that has none to ask, with the reason."""
    return LiveChampion(why, why, why)


def ask_champion(launch: Launch) -> LiveChampion:
    """Let the live champion answer the same production sample, with its own variant, adapter and packages.

    It is first asked its recorded inputs: where it decides any of them otherwise than when it was launched, what it says
    here is not what its users get, and nothing is held against it. Its files stay in the launch's folder until all variants
    are measured.
    """
    live = launch.ledger.champion(launch.candidate.name)
    if live is None:
        return nobody(FirstLaunch(model=launch.candidate.name))
    if isinstance(launch.production, Unmeasured):
        return nobody(launch.production)
    into = launch.folder.champion
    try:
        kept = launch.ledger.fetch(live.run_id, ARTIFACTS.candidate.name, into)
        files = launch.ledger.fetch_variant(live.run_id, live.variant, into / "variant")
        champion, variant = load_kept(kept, live.variant, VariantFolder(files))
        recorded = launch.ledger.load(live.run_id)
        golden = recorded_answers(recorded, live.variant, files)
    except (InputError, StageError) as error:
        why = f"the champion, version {live.version}, can't be loaded: {error}"
        return nobody(Unmeasured(stage="champion", why=why))
    asked, packages = _with_own_packages(live, recorded.evidence)
    policy = launch.policy
    plain = serving_of(champion, variant, policy.target, policy.measure.threads, launch.marking)
    served = plain.replacing(packages=packages)
    then = served.replacing(marking=recorded.evidence.marking)
    limit = policy.measure.stage_timeout_seconds
    again = steps.attempt("champion: replay", steps.replay, "champion", then, golden, limit)
    if not isinstance(again, Unmeasured) and not again.same_decisions:
        again = Unmeasured(stage="champion", why=_otherwise(live, asked, again))
    if isinstance(again, Unmeasured):
        return LiveChampion(again, again, asked)
    out = launch.folder.variant("champion").path
    answers = steps.attempt("champion", steps.ask_champion, served, launch.production, launch.candidate, limit, out)
    return LiveChampion(answers, answers if isinstance(answers, Unmeasured) else served, asked)


def _with_own_packages(live: Champion, launched: Evidence) -> tuple[ChampionEvidence, Path | None]:
    """Return how the champion is asked, and the folder of the packages of its launch that are not installed here."""
    asked = ChampionEvidence(version=live.version, run_id=live.run_id, variant=live.variant, packages={})
    if isinstance(launched.dependencies, Unmeasured):
        why = f"its launch did not record which packages it was served with: {launched.dependencies.why}"
        return asked.replacing(not_given=why), None
    packages = differing(launched.dependencies.imported)
    if not packages:
        return asked, None
    found = steps.attempt("champion: packages", steps.lay_over, packages, launched.environment.python)
    if isinstance(found, Unmeasured):
        return asked.replacing(packages=packages, not_given=found.why), None
    return asked.replacing(packages=packages), found


def _otherwise(champion: Champion, asked: ChampionEvidence, found: Replay) -> str:
    """Say how the champion answers its recorded inputs here, and what to do about it."""
    difference = found.difference
    what = difference.error or (
        f"{difference.flips} of {difference.rows} decisions are others ({named_flips(found.flipped)})"
    )
    lacking = f" (without the packages of its launch: {asked.not_given})" if asked.not_given else ""
    return (
        f"the champion, version {champion.version}, answers its recorded inputs otherwise here than where it was "
        f"launched{lacking}: {what}; hold it against this environment first: launchgate revalidate {champion.model}"
    )
