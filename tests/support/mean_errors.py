"""Mean errors of numbers and tokens, and variants that have them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from support.gate_evidence import variant
from support.score_evidence import evaluation, paired, scores, tally
from support.speed_evidence import turns

from tasks.evidence import MeanError, VariantEvidence
from tasks.statistics import resample_ratio


def mean_error(mean: float, days: int = 40, unit: Literal["units", "share of tokens"] = "units") -> MeanError:
    """Return a mean error whose days differ by a tenth of it."""
    values = mean * (1 + 0.1 * np.random.default_rng(0).standard_normal(days))
    found = resample_ratio(values - values.mean() + mean, np.ones(days), np.ones(days), {"days": np.arange(days)})
    return MeanError.model_validate({"rows": 100 * days, "unit": unit, **found._asdict()})


def with_errors(offline: MeanError | None, live: MeanError | None, rise: MeanError | None = None) -> VariantEvidence:
    """Return a variant with these errors, and everything else well."""
    pair = paired(10, 10).model_copy(update={"error_rise": rise})
    found = evaluation(
        evaluation=scores("evaluation", tally(1500, 1200), error=offline),
        production=scores("production", tally(3000, 2400, rows=4000), error=live),
        against_reference=pair,
        against_champion=pair,
    )
    return variant("int8", evaluation=found, champion_latency=turns(1))
