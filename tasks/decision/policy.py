"""A policy: the bar that a candidate is held to, and the business it is to serve. Every number that can reject is here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import Field, ValidationError, create_model, model_validator

from tasks.core.errors import InputError
from tasks.core.files import digest
from tasks.core.records import Name, Record, Sha256, Target
from tasks.core.settings import Business, Measuring, NumberTolerance, Reviewing, Sampling
from tasks.core.verdicts import GateLimits, PolicyName
from tasks.core.yaml_records import read_record
from tasks.gates import GATES

if TYPE_CHECKING:
    from collections.abc import Mapping


POLICIES = Path(__file__).parents[2] / "expectations" / "policies"


def _gates_model() -> type[Record]:
    fields: dict[str, Any] = {name.replace("-", "_"): (gate.Limits, Field(alias=name)) for name, gate in GATES.items()}
    return create_model("Gates", __base__=Record, __doc__="The limits of every gate; none may be left out.", **fields)


Gates = _gates_model()


class Policy(Record):
    """A policy file, read and checked."""

    name: Name
    target: Target
    sample: Sampling
    numbers: NumberTolerance | None = None
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

    Where one says how long to search for capacity, which the load now does, that is left out. Raises InputError where it is of another version of launchgate, which had other gates.
    """
    try:
        content = yaml.safe_load(text)
        if isinstance(content, dict) and isinstance(measure := content.get("measure"), dict):
            measure.pop("capacity_seconds", None)
            if measure.get("last_stage") == "capacity":
                del measure["last_stage"]
        return Policy.model_validate({**content, "sha256": recorded.sha256})
    except ValidationError as error:
        mistakes = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg'].lower()}" for item in error.errors())
        raise InputError(
            f"the recorded policy {recorded.name} cannot be read by this version of launchgate ({mistakes}); "
            "launch the candidate anew under a policy of today"
        ) from error
