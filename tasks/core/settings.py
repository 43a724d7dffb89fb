"""What a policy asks of the stages: sampling, review, measuring, when a number is right, and the business."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.core.records import Record
from tasks.core.verdicts import Stage

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Sampling(Record):
    """How much production is drawn: `rows` requests of the last `window_days` days, which must be fresh.

    Of each value of each slice column at least `rows_per_slice` are drawn, where there are as many; 0 asks for none.
    """

    rows: Count
    rows_per_slice: Annotated[int, Field(ge=0)]
    window_days: Count
    stale_after_hours: Positive
    seed: int


class Reviewing(Record):
    """What people are given to read: at least `rows` requests, and `share` of the sample, whichever is more.

    Personal data is masked unless `raw_text` is set.
    """

    rows: Count
    share: Annotated[float, Field(gt=0, le=1)]
    raw_text: bool


class Measuring(Record):
    """How long the measurements may take; they stop at whichever of count and seconds comes first.

    `load_seconds` are the most of one run under open-loop load, which ends sooner where it holds the requests that a percentile
    takes; there are up to two of them for each number of replicas that is tried. 0 asks for none.
    `cold_starts` are fresh processes, 0 for none; `champion_seconds` are spent in turns with the champion, each batch size.
    `rejected` says what to do once a gate fails the launch or a variant: `measure` all the same, or `stop` there.
    `variants` says whether `all` are measured in full whose answers pass, or the cheaper first and `until-one-passes`.
    `last_stage` is the stage after which nothing more is measured: a gate of a later one is unmeasured, and rejects if it blocks.
    """

    batches: Annotated[tuple[Count, ...], Field(min_length=1)]
    parity_rows: Count
    invariance_rows: Count
    robustness_rows: Count
    robustness_seconds: Positive
    calibration_rows: Count
    threads: Annotated[int, Field(ge=0)]
    latency_calls: Count
    latency_seconds: Positive
    calls_per_batch: Count
    batch_seconds: Positive
    load_seconds: Annotated[float, Field(ge=0)]
    cold_starts: Annotated[int, Field(ge=0)]
    champion_seconds: Positive
    rejected: Literal["measure", "stop"]
    variants: Literal["until-one-passes", "all"] = "all"
    last_stage: Stage = "load"
    soak_calls: Count
    soak_seconds: Positive
    stage_timeout_seconds: Positive


class NumberTolerance(Record):
    """How near to its label a predicted number is right: `tolerance` in the label's unit, or in deviations of the labels.

    Two answers are the same within `same_share` of that.
    """

    tolerance: Positive | None = None
    tolerance_in_deviations: Positive | None = None
    same_share: Annotated[float, Field(gt=0, le=1)]

    @model_validator(mode="after")
    def _one_tolerance(self) -> NumberTolerance:
        if (self.tolerance is None) == (self.tolerance_in_deviations is None):
            raise ValueError("give exactly one of tolerance and tolerance_in_deviations")
        return self


class Business(Record):
    """What the model serves: traffic, the machine a replica runs on, and how full a replica may be.

    Requests arrive at `random`, where `burstiness` is the coefficient of variation of the gaps between them: 1 of
    independent users, more of bursts. Or the log's own times are put on `replay`, drawn together to the rate asked for.
    `most_instances` is how many sessions a replica may run side by side, sharing out its threads, if that carries more.
    """

    mean_per_second: Positive
    peak_per_second: Positive
    machine: str
    serving_batch: Count
    utilisation: Annotated[float, Field(gt=0, le=0.9)]
    spare_replicas: Annotated[int, Field(ge=0)]
    arrivals: Literal["random", "replay"] = "random"
    burstiness: Positive = 1
    most_instances: Count = 1

    @model_validator(mode="after")
    def _peak_is_a_peak(self) -> Business:
        if self.peak_per_second < self.mean_per_second:
            raise ValueError("peak_per_second is below mean_per_second; a peak is at least the mean")
        if self.arrivals == "replay" and self.burstiness != 1:
            raise ValueError("burstiness is that of random arrivals; those on replay have the log's own: leave it out")
        return self
