"""What a launch's sample forecast for a share of the requests after it, and whether it held.

The forecast's far end is a bound on what so many further requests will show, their own chance included (`rate_forecast`).
A share beyond it breaks the promise; one within keeps it, if it is of enough requests to have shown otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tasks.core.verdicts import Check, GateLimits
from tasks.evidence import Unmeasured
from tasks.gates.verdict import absent, show, unmeasured, verdict
from tasks.statistics import rate_forecast

if TYPE_CHECKING:
    from tasks.core.verdicts import GateResult
    from tasks.evidence import Share, Tally

CHECKLIST = "week 7-8"
REMEDY = "find out what changed since the launch"


class SeenRate(NamedTuple):
    """A share, and the rows that it was counted on."""

    share: Share
    rows: int


class Promise(NamedTuple):
    """A share that a launch forecast: as it was then and as it is now, or why one of them is not known.

    `fewest` rows now are enough to say that it was kept; where `floor` is set it is to be no lower, else no higher.
    """

    name: str
    what: str
    then: SeenRate | Unmeasured
    now: SeenRate | Unmeasured
    fewest: int
    floor: bool


def right_share(tally: Tally | Unmeasured) -> SeenRate | Unmeasured:
    """Return the share of labelled requests answered right."""
    return tally if isinstance(tally, Unmeasured) else SeenRate(tally.right, tally.labelled)


def answered(tally: Tally | Unmeasured) -> SeenRate | Unmeasured:
    """Return the share of all requests that were answered."""
    return tally if isinstance(tally, Unmeasured) else SeenRate(tally.answered, tally.rows)


def failed(tally: Tally | Unmeasured) -> SeenRate | Unmeasured:
    """Return the share of all requests that failed."""
    return tally if isinstance(tally, Unmeasured) else SeenRate(tally.failed, tally.rows)


def kept(promise: Promise, confidence: float) -> GateResult:
    """Return whether a promise was kept, as a warning; `confidence` is that of the forecast's far end."""
    limits = GateLimits(severity="warn", confidence=confidence)
    return verdict(promise.name, CHECKLIST, limits, (_check(promise, confidence),))


def _check(promise: Promise, confidence: float) -> Check:
    then, now = promise.then, promise.now
    for seen in (then, now):
        if isinstance(seen, Unmeasured):
            return absent(seen)
    if not (isinstance(then, SeenRate) and then.rows):
        return unmeasured("forecast", f"{promise.what} can't be forecast: the launch's sample shows none")
    if not (isinstance(now, SeenRate) and now.rows):
        return unmeasured("forecast", f"{promise.what} is not known yet: no request since the launch shows it")
    # A row of now says no more than one of the launch's did, also where there are too few days to see that days differ.
    future = max(min(now.share.trials, now.rows * then.share.trials / then.rows), 1.0)
    forecast = rate_forecast(then.share.events, then.share.trials, future, confidence)
    value, end = now.share.value, forecast.low if promise.floor else forecast.high
    broken = value < end if promise.floor else value > end
    little = now.rows < promise.fewest
    told = f"{promise.what} is {show(value, 'share')} of {now.rows:,}, and the launch forecast"
    told += f" {'at least' if promise.floor else 'at most'} {show(end, 'share')} from {show(then.share.value, 'share')} of {then.rows:,}"
    if broken:
        told += f"; {REMEDY}"
    elif little:
        told += f"; under {promise.fewest:,} can't show that it held"
    return Check(
        name="forecast",
        outcome="fail" if broken else "inconclusive" if little else "pass",
        observed=value,
        limit=end,
        unit="share",
        because=told,
        needed=promise.fewest if little and not broken else None,
    )
