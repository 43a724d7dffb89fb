"""What the production log shows of a model since its launch."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from tasks.core.records import Record
from tasks.evidence.common import Unmeasured
from tasks.evidence.data import DriftEvidence, SampleEvidence, ValidationEvidence
from tasks.evidence.scores import Scores, Share, Tally


class StatusEvidence(Record):
    """How the requests ended, by the log's own statuses: those of the whole window, and those of its last 24 hours.

    An error or a timeout counts as failed, `abstained` as itself and `ok` as answered; a status that is none of these
    counts as neither failed nor answered. Nothing here is labelled. `last_day` is None where the window is no longer.
    """

    overall: Tally
    last_day: Tally | None


class AnswerEvidence(Record):
    """The answers to the requests, held against their labels.

    They are the ones that the log holds, or where it does not hold all of them those that the champion's kept variant
    gives to the same requests now.
    """

    origin: Literal["logged", "replayed"]
    scores: Scores


class FeedbackEvidence(Record):
    """The share of negative ones among the requests with feedback: in the launch's own sample, and since."""

    launch: Share
    launch_rows: int
    now: Share
    rows: int


class WatchEvidence(Record):
    """All that a watch measured; written as `watched.json`.

    `drift` is against the evaluation set, and `launch_drift` against the launch's own sample of production.
    """

    schema_version: Literal[1] = 1
    since: AwareDatetime
    until: AwareDatetime
    sample: SampleEvidence | Unmeasured
    quality: ValidationEvidence | Unmeasured
    statuses: StatusEvidence | Unmeasured
    answers: AnswerEvidence | Unmeasured
    drift: DriftEvidence | Unmeasured
    launch_drift: DriftEvidence | Unmeasured
    feedback: FeedbackEvidence | Unmeasured
