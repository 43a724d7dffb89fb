"""The decision rules: bounds on rates, differences, quantiles, slopes and times, and how a limit reads them.

Every bound is one-sided at the asked confidence: `low` and `high` each hold with that probability, so together they
are a two-sided interval at 2 * confidence - 1. Observations are taken as independent, but for those of `resample_ratio`,
which come in clusters. Too few of them for any answer
raise ValueError, because absence is not a number.
"""

from tasks.statistics.bounds import Bounds, Interval, Verdict, decide_lower, decide_upper, difference_of
from tasks.statistics.calibration import calibration_error
from tasks.statistics.distances import chance, distance_interval, largest_gap, total_variation
from tasks.statistics.paired import PairedDifference, paired_difference, rows_for_non_inferiority
from tasks.statistics.rates import difference_interval, rate_forecast, rate_interval, rows_for_rate_bound
from tasks.statistics.resampling import Resampled, resample_ratio, resampled_interval
from tasks.statistics.times import (
    QuantileBound,
    mean_interval,
    paired_ratio_of_medians,
    quantile_interval,
    ratio_of_medians,
    settling_point,
    slope,
)

__all__ = [
    "Bounds",
    "Interval",
    "PairedDifference",
    "QuantileBound",
    "Resampled",
    "Verdict",
    "calibration_error",
    "chance",
    "decide_lower",
    "decide_upper",
    "difference_interval",
    "difference_of",
    "distance_interval",
    "largest_gap",
    "mean_interval",
    "paired_difference",
    "paired_ratio_of_medians",
    "quantile_interval",
    "rate_forecast",
    "rate_interval",
    "ratio_of_medians",
    "resample_ratio",
    "resampled_interval",
    "rows_for_non_inferiority",
    "rows_for_rate_bound",
    "settling_point",
    "slope",
    "total_variation",
]
