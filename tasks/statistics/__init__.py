"""The decision rules: bounds on rates, differences, quantiles, slopes and times, and how a limit reads them.

Every bound is one-sided at the asked confidence: `low` and `high` each hold with that probability, so together they
are a two-sided interval at 2 * confidence - 1. Observations are taken as independent, but for those of `resample_ratio`,
which come in clusters, and for response times under load (`response_bound`), which come in a row;
`design_effect` says how many independent ones clustered rows are worth. Too few of them for any answer raise ValueError,
because absence is not a number.
"""

from tasks.statistics.bounds import Bounds, Interval, decide_lower, decide_upper, difference_of
from tasks.statistics.calibration import calibration_error
from tasks.statistics.cluster_bootstrap import resample_ratio, resampled_interval
from tasks.statistics.clustered_rows import (
    APART,
    FEWEST_CLUSTERS,
    Alike,
    crossed_codes,
    design_effect,
    intraclass_correlation,
)
from tasks.statistics.distances import chance, distance_interval, largest_gap, total_variation
from tasks.statistics.false_discovery import confidence_of_named, discoveries, smallest_level
from tasks.statistics.paired import paired_difference, rows_for_non_inferiority
from tasks.statistics.queue_replay import Arrivals, Services
from tasks.statistics.rates import difference_interval, rate_forecast, rate_interval, rows_for_rate_bound
from tasks.statistics.slo import (
    MOST_BUSY,
    ResponseBound,
    Responses,
    bound_under_load,
    confidence_at_look,
    load_verdict,
    replay_run,
    requests_to_look,
    response_bound,
    services_of,
    slo_verdict,
)
from tasks.statistics.times import (
    QuantileBound,
    mean_interval,
    paired_ratio_of_medians,
    quantile_interval,
    ratio_of_medians,
    settling_point,
    slope,
    steady_slope,
)

__all__ = [
    "APART",
    "FEWEST_CLUSTERS",
    "MOST_BUSY",
    "Alike",
    "Arrivals",
    "Bounds",
    "Interval",
    "QuantileBound",
    "ResponseBound",
    "Responses",
    "Services",
    "bound_under_load",
    "calibration_error",
    "chance",
    "confidence_at_look",
    "confidence_of_named",
    "crossed_codes",
    "decide_lower",
    "decide_upper",
    "design_effect",
    "difference_interval",
    "difference_of",
    "discoveries",
    "distance_interval",
    "intraclass_correlation",
    "largest_gap",
    "load_verdict",
    "mean_interval",
    "paired_difference",
    "paired_ratio_of_medians",
    "quantile_interval",
    "rate_forecast",
    "rate_interval",
    "ratio_of_medians",
    "replay_run",
    "requests_to_look",
    "resample_ratio",
    "resampled_interval",
    "response_bound",
    "rows_for_non_inferiority",
    "rows_for_rate_bound",
    "services_of",
    "settling_point",
    "slo_verdict",
    "slope",
    "smallest_level",
    "steady_slope",
    "total_variation",
]
