"""What a variant's confidence is worth: how it goes with being right, and which answers it lets through."""

from __future__ import annotations

from tasks.core.records import Record
from tasks.evidence.common import Raw, Unmeasured
from tasks.evidence.scores import Share


class Bin(Record):
    """Answers of neighbouring confidence: how many, their share of the log's, their mean confidence, and how many are right."""

    rows: int
    mass: float
    confidence: float
    right: Share

    @property
    def gap(self) -> float:
        """By how much more of the answers are right than their confidence says; negative where it says too much."""
        return self.right.value - self.confidence

    @property
    def variance(self) -> float:
        """The variance of the gap; not zero where all or none are right (one more of each: Laplace's rule of succession)."""
        rate = (self.right.events + 1) / (self.right.trials + 2)
        return rate * (1 - rate) / self.right.trials


class Reliability(Record):
    """Confidence against being right, over `rows` labelled production answers, in bins of as many rows each.

    The Brier score is the mean squared difference of the confidence and being right (1 or 0).
    """

    rows: int
    brier: float
    bins: tuple[Bin, ...]

    @property
    def gaps(self) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
        """The bins' gaps, the variances of these, and the bins' masses."""
        bins = self.bins
        return tuple(b.gap for b in bins), tuple(b.variance for b in bins), tuple(b.mass for b in bins)


class Fit(Record):
    """A map of the served confidence that was fitted on `rows` of the calibration set, and production under it.

    `temperature` divides the confidence's logit; an isotonic map has none.
    """

    rows: int
    temperature: float | None
    production: Reliability


class Abstention(Record):
    """What abstaining under a confidence of `threshold` leaves: the answers that are kept, and how many of them are wrong.

    The threshold is a quantile of the confidence on the calibration set, `wrong_calibration` is counted there, and the
    other two on production.
    """

    threshold: float
    wrong_calibration: Share
    kept: Share
    wrong: Share


class ConfidentSlice(Record):
    """The labelled requests where `column` equals `value`, and how many of them got a confident wrong answer."""

    column: str
    value: str
    rows: int
    errors: Share


class ConfidentErrors(Record):
    """Labelled production requests (`rows`), and how many got a wrong answer with a confidence of at least `threshold`."""

    threshold: float
    rows: int
    errors: Share
    slices: tuple[ConfidentSlice, ...]


class LabelFree(Record):
    """The accuracy to be expected of all `rows` requests, from confidence where the label has not come; an estimate alone.

    It is `corrected` by how far the confidence is off on the `labelled` ones, where they are enough; `deviation` is its
    standard error by bootstrap, which knows nothing of requests that differ from labelled ones in more than confidence.
    """

    rows: int
    labelled: int
    corrected: bool
    accuracy: float
    deviation: float


class CalibrationEvidence(Record):
    """What the confidence that the variant serves is worth on production, and what a fitted one would be.

    `risk_coverage` holds (share of the answers kept, share of these that are wrong), the most confident ones first, and
    `risk_area` is the mean of the latter.
    """

    served: Reliability
    temperature: Fit | Unmeasured
    isotonic: Fit | Unmeasured
    abstention: tuple[Abstention, ...] | Unmeasured
    risk_coverage: tuple[tuple[float, float], ...]
    risk_area: float
    confident_errors: tuple[ConfidentErrors, ...]
    raw: Raw | None
