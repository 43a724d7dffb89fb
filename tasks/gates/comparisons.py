"""Comparisons that several gates make: rates, paired losses, and differences between two runs of the same rows."""

import math
from dataclasses import replace

from tasks.core.verdicts import Check
from tasks.evidence import Difference, MeanError, PairedTally, Share
from tasks.gates.verdict import Estimate, Question, at_least, at_most, exactly_at_most, unmeasured
from tasks.statistics import (
    Interval,
    paired_difference,
    rate_interval,
    resampled_interval,
    rows_for_non_inferiority,
    rows_for_rate_bound,
)

MOST_NEEDED = 10**9  # a plan beyond it is no plan


def rate_at_most(question: Question, share: Share, limit: float, confidence: float, rows: int | None = None) -> Check:
    """Hold the upper bound of a share to `limit`; without trials it is unmeasured. Weighted ones come from `rows` rows."""
    if share.trials == 0:
        return unmeasured(question.name, f"{question.what} has no rows to be counted on; give it some")
    needed = rows_to_settle_rate(share, limit, confidence, rows)
    return at_most(question, interval(share, confidence), limit, confidence, needed)


def rate_at_least(question: Question, share: Share, floor: float, confidence: float, rows: int | None = None) -> Check:
    """Hold the lower bound of a share to `floor`; without trials it is unmeasured. Weighted ones come from `rows` rows."""
    if share.trials == 0:
        return unmeasured(question.name, f"{question.what} has no rows to be counted on; give it some")
    needed = rows_to_settle_rate(share, floor, confidence, rows)
    return at_least(question, interval(share, confidence), floor, confidence, needed)


def error_at_most(question: Question, found: MeanError | None, limit: float, confidence: float) -> Check:
    """Hold the upper bound of a mean error, or of its rise, to `limit`; where no row shows one it is unmeasured."""
    if found is None:
        return unmeasured(question.name, f"{question.what} can't be told: no row has both a label and an error")
    bounds = resampled_interval(found, confidence)
    if bounds is None:
        return unmeasured(question.name, f"{question.what} has no bound: {found.clusters} {found.by} are too few")
    asked = replace(question, unit=found.unit, counted=found.by)
    return at_most(asked, bounds, limit, confidence, rows_to_settle(found.clusters, bounds, limit))


def interval(share: Share, confidence: float) -> Interval:
    """Bound a share."""
    return rate_interval(share.events, share.trials, confidence)


def rows_to_settle_rate(share: Share, limit: float, confidence: float, rows: int | None = None) -> int | None:
    """Count the rows that put a share's bound on its own side of `limit`, if the share holds; None at the limit.

    `rows` are those that the share was seen on, where they are weighted and say less than as many of a uniform sample.
    """
    rate = share.value
    needed = rows_for_rate_bound(*((rate, limit) if rate < limit else (1 - rate, 1 - limit)), confidence)
    return None if needed is None else math.ceil(needed * (rows or share.trials) / share.trials)


def rows_to_settle(rows: int, estimate: Estimate, limit: float, power: float = 2) -> int | None:
    """Count the rows that bring a bound to `limit`, if the estimate holds and rows rise as width to `power` falls.

    Of most estimates it is 2: the width falls as one over the rows' root. None where the estimate is at the limit, or where no width is known.
    """
    end = estimate.high if estimate.estimate <= limit else estimate.low
    distance = abs(limit - estimate.estimate)
    if end is None or distance == 0:
        return None
    needed = rows * (abs(end - estimate.estimate) / distance) ** power
    return math.ceil(needed) if needed < MOST_NEEDED else None


def loss_at_most(question: Question, tally: PairedTally, margin: float, confidence: float) -> Check:
    """Hold the accuracy that the candidate loses against the baseline, paired on the same labelled rows, to `margin`.

    Non-inferiority by the score of Tango (Statistics in Medicine 17, 1998): it passes where the upper bound of the
    loss is at most the margin. Without labelled rows it is unmeasured.
    """
    if tally.labelled == 0:
        return unmeasured(question.name, f"{question.what} can't be told: none of {tally.rows} rows has a label")
    gains, losses = tally.candidate_only, tally.baseline_only
    gain = paired_difference(gains.events, losses.events, gains.trials, confidence)
    loss = Interval(0 - gain.estimate, 0 - gain.high, 0 - gain.low)  # from 0, since -0.0 reads as a loss
    needed = _rows_to_settle_loss(tally, loss, margin, confidence)
    return at_most(replace(question, counted="labelled rows"), loss, margin, confidence, needed)


def differences(cases: tuple[Difference, ...], limit: float, remedy: str) -> tuple[Check, ...]:
    """Hold the largest relative difference of each case to `limit`; an error fails, a case without rows is unmeasured."""
    return tuple(_difference(case, limit, remedy) for case in cases)


def _difference(case: Difference, limit: float, remedy: str) -> Check:
    name = f"{case.case}: difference"
    if case.error is not None:
        return Check(name=name, outcome="fail", because=f"The comparison ({case.case}) broke: {case.error}; {remedy}")
    if case.rows == 0 or case.max_relative is None:
        return unmeasured(name, f"No output was compared ({case.case}); give it rows and outputs that are numbers")
    what = f"The largest difference of an output, as a share of its root mean square ({case.case}),"
    return exactly_at_most(Question(name, what, "share of RMS", remedy), case.max_relative, limit)


def _rows_to_settle_loss(tally: PairedTally, loss: Interval, margin: float, confidence: float) -> int | None:
    """Count the labelled rows that tell the observed loss from the margin four times in five."""
    distance = abs(margin - loss.estimate)
    if not 0 < distance < 1:
        return None
    # No discordant row among n says that up to about 3/n are; planning with none would ask for too few.
    trials = tally.candidate_only.trials
    discordance = max(tally.candidate_only.events + tally.baseline_only.events, 1) / trials
    uniform = rows_for_non_inferiority(discordance, distance, confidence)
    needed = max(math.ceil(uniform * tally.labelled / trials), tally.labelled + 1)
    return needed if needed < MOST_NEEDED else None
