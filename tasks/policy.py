"""A policy: the bar that a candidate is held to, and the business it is to serve. Every number that can reject is here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, create_model, model_validator

from tasks.files import digest
from tasks.gates import GATES
from tasks.records import GateLimits, InputError, Name, PolicyName, Record, Sha256, Target
from tasks.yamlfile import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping

POLICIES = Path(__file__).parent.parent / "expectations" / "policies"

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

    `load_seconds` are those of one run under open-loop load, of which there are up to three; 0 asks for none. So do
    `capacity_seconds` of one run of the search for the most that a replica carries, of which there are some 15 to 30.
    `cold_starts` are fresh processes, 0 for none; `champion_seconds` are spent in turns with the champion, each batch size.
    `rejected` says what to do once a gate fails the launch or a variant: `measure` all the same, or `stop` there.
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
    capacity_seconds: Annotated[float, Field(ge=0)] = 0
    cold_starts: Annotated[int, Field(ge=0)]
    champion_seconds: Positive
    rejected: Literal["measure", "stop"]
    soak_calls: Count
    soak_seconds: Positive
    stage_timeout_seconds: Positive


class Numbers(Record):
    """How near to its label a predicted number is right: `tolerance` in the label's unit, or in deviations of the labels.

    Two answers are the same within `same_share` of that.
    """

    tolerance: Positive | None = None
    tolerance_in_deviations: Positive | None = None
    same_share: Annotated[float, Field(gt=0, le=1)]

    @model_validator(mode="after")
    def _one_tolerance(self) -> Numbers:
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


def _gates_model() -> type[Record]:
    fields: dict[str, Any] = {name.replace("-", "_"): (gate.Limits, Field(alias=name)) for name, gate in GATES.items()}
    return create_model("Gates", __base__=Record, __doc__="The limits of every gate; none may be left out.", **fields)


Gates = _gates_model()


class Policy(Record):
    """A policy file, read and checked."""

    name: Name
    target: Target
    sample: Sampling
    numbers: Numbers | None = None
    review: Reviewing
    measure: Measuring
    business: Business
    gates: Gates  # type: ignore[valid-type]
    sha256: Sha256

    @model_validator(mode="after")
    def _something_blocks(self) -> Policy:
        if not any(limits.severity == "block" for limits in self.limits().values()):
            raise ValueError("no gate blocks, so every model would pass; give at least one gate severity: block")
        return self

    def limits(self) -> Mapping[str, GateLimits]:
        """Return each gate's limits under the gate's name."""
        return {name: getattr(self.gates, name.replace("-", "_")) for name in GATES}

    def text(self) -> str:
        """Return the policy as YAML that `load_policy` reads back, without its digest."""
        kept = self.model_dump(mode="json", by_alias=True, exclude={"sha256"})
        return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)

    @property
    def reference(self) -> PolicyName:
        """The policy's name and digest, as a decision carries them."""
        return PolicyName(name=self.name, sha256=self.sha256)


def load_policy(name: str) -> Policy:
    """Return the policy `name`: one of the house's, or a path to a YAML file.

    Raises InputError where there is none, listing the known ones, or where the file has mistakes, listing them all.
    """
    known = sorted(path.stem for path in POLICIES.glob("*.yaml"))
    path = Path(name) if name.endswith((".yaml", ".yml")) else POLICIES / f"{name}.yaml"
    if not path.is_file():
        raise InputError(
            f"policy '{name}' was not found at {path}; name one of {', '.join(known)} or give the path of a .yaml file"
        )
    return read_record(path, Policy, sha256=digest(path))


def parse_policy(text: str, recorded: PolicyName) -> Policy:
    """Return the policy that a run recorded as YAML, under the name and digest that it had.

    Raises InputError where it is of another version of launchgate, which had other gates.
    """
    try:
        return Policy.model_validate({**yaml.safe_load(text), "sha256": recorded.sha256})
    except ValidationError as error:
        mistakes = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg'].lower()}" for item in error.errors())
        raise InputError(
            f"the recorded policy {recorded.name} cannot be read by this version of launchgate ({mistakes}); "
            "launch the candidate anew under a policy of today"
        ) from error
