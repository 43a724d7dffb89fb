"""The live champion that a candidate is compared with."""

from __future__ import annotations

from typing import Literal

from tasks.core.records import Record


class FirstLaunch(Record):
    """No champion is registered under the model's name yet."""

    first_launch: Literal[True] = True
    model: str


class ChampionEvidence(Record):
    """The live champion, and how it was asked beside the candidate.

    `packages` are the versions that its launch served it with and that are not installed here. It was given them, unless
    `not_given` says why not: then it was asked with what is installed.
    """

    version: str
    run_id: str
    variant: str
    packages: dict[str, str]
    not_given: str | None = None
