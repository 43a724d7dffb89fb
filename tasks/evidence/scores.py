"""A variant's answers: to every request, and against another model's on the same rows."""

from __future__ import annotations

from typing import Literal

from tasks.core.records import Record
from tasks.evidence.champion import FirstLaunch
from tasks.evidence.common import Raw, Unmeasured
from tasks.evidence.data import DriftColumn


class Share(Record):
    """Events among trials, as a uniform sample of the log would have to show them to say as much.

    Where every row has the same weight these are the counts of rows. Else the share is the weighted one, and the trials
    are the rows' effective number, (sum of weights)^2 / sum of squared weights (Kish, Survey Sampling, 1965, 11.7).
    """

    events: float
    trials: float

    @property
    def value(self) -> float:
        """The share itself; there must be trials."""
        return self.events / self.trials


class Tally(Record):
    """Counts over requests, and the shares of the log's requests that they show.

    `right` is among the labelled ones: a request that failed or abstained and has a label counts as not correct.
    """

    rows: int
    labelled: int
    correct: int
    abstained: int
    errors: int
    right: Share
    answered: Share
    failed: Share

    @classmethod
    def counted(cls, *, rows: int, labelled: int, correct: int, abstained: int, errors: int) -> Tally:
        """Return the tally of rows of one weight."""
        return cls(
            rows=rows,
            labelled=labelled,
            correct=correct,
            abstained=abstained,
            errors=errors,
            right=Share(events=correct, trials=labelled),
            answered=Share(events=rows - abstained - errors, trials=rows),
            failed=Share(events=errors, trials=rows),
        )


class Slice(Record):
    """The requests where `column` equals `value`; `label_share` is their share of the log's labelled requests."""

    column: str
    value: str
    label_share: float
    tally: Tally


class WeakSlice(Record):
    """The slice that a search for errors found on half of the labelled rows, counted on the other half.

    `rule` says which requests it holds.
    """

    rule: str
    tally: Tally


class LabelCoverage(Record):
    """How many requests of a group have a label."""

    group: str
    rows: int
    labelled: int


class LabelShift(Record):
    """The accuracy of the labelled requests, and the same reweighted to all requests by what they are alike in.

    `deviation` is the standard error of the difference of the two.
    """

    labelled: int
    cells: int
    accuracy: float
    reweighted: float
    deviation: float


class MeanError(Record):
    """How far answers are from their labels on average, or how much further than another model's on the same rows.

    Of numbers the mean absolute error, in the label's unit; of sequences the tokens to change, as a share of those of the
    labels. `pivots` are the studentised replicates of a bootstrap in ascending order, which drew whole days anew, whole
    clusters, or single requests, as `by` says: `clusters` of them. `deviation` is the standard error, of `degrees` of
    freedom, and `largest` how large the error of one row can be.
    """

    rows: int
    unit: Literal["units", "share of tokens"]
    by: Literal["days", "clusters", "inputs", "labelled rows"]
    estimate: float
    deviation: float
    degrees: float
    pivots: tuple[float, ...]
    clusters: int
    largest: float


class AnswerShapes(Record):
    """The shapes of generated answers to production requests.

    `repeated` are the answers that end in a loop; `shortened` and `lengthened`, of the labelled ones, those with far
    fewer or far more tokens than their label; `lengths` holds how far their lengths lie from those on the evaluation set.
    """

    answered: int
    labelled: int
    repeated: Share
    shortened: Share
    lengthened: Share
    lengths: DriftColumn


class Scores(Record):
    """A variant's predictions on one data set, over all of its requests.

    `slices` are of the columns that the candidate declares, `labels` one a label, `traits` of what the requests themselves tell, and `crossed`
    of two columns at once; the last and `weakest` are of production alone. Numeric labels are sliced by where they lie among
    those of the evaluation set. `error` is of numbers and sequences, None of classes or where no row has a label.
    """

    dataset: Literal["evaluation", "production"]
    overall: Tally
    slices: tuple[Slice, ...]
    labels: tuple[Slice, ...]
    traits: tuple[Slice, ...] | Unmeasured
    crossed: tuple[Slice, ...] = ()
    weakest: WeakSlice | None = None
    label_coverage: tuple[LabelCoverage, ...]
    label_shift: LabelShift | None
    error: MeanError | None = None
    exceptions: int
    non_finite: int
    malformed: int
    error_examples: tuple[str, ...]
    seconds: float
    raw: Raw


class PairedTally(Record):
    """Two models on the same rows: who alone was right, among labelled rows, and decisions that differ among all rows.

    `candidate_only` and `baseline_only` have the same trials.
    """

    rows: int
    flips: int
    labelled: int
    candidate_only: Share
    baseline_only: Share

    @classmethod
    def counted(cls, *, rows: int, flips: int, labelled: int, candidate_only: int, baseline_only: int) -> PairedTally:
        """Return the tally of rows of one weight."""
        return cls(
            rows=rows,
            flips=flips,
            labelled=labelled,
            candidate_only=Share(events=candidate_only, trials=labelled),
            baseline_only=Share(events=baseline_only, trials=labelled),
        )


class PairedSlice(Record):
    """A paired tally of the requests where `column` equals `value`."""

    column: str
    value: str
    tally: PairedTally


class Paired(Record):
    """The candidate's variant against a baseline on the same production rows; `error_rise` as in `MeanError`."""

    baseline: str
    overall: PairedTally
    slices: tuple[PairedSlice, ...]
    error_rise: MeanError | None = None


class EvaluationEvidence(Record):
    """A variant on the evaluation set and on the production sample, against fp32 and against the live champion.

    `shapes` are of generated answers, None of others.
    """

    evaluation: Scores
    production: Scores
    against_reference: Paired
    against_champion: Paired | FirstLaunch | Unmeasured
    shapes: AnswerShapes | Unmeasured | None = None
