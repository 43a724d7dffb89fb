"""Machines and what an hour of each costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from tasks.core.errors import InputError
from tasks.core.records import Record
from tasks.core.yaml_records import read_record

HARDWARE = Path(__file__).parents[2] / "infra" / "hardware.yaml"


class Machine(Record):
    """A machine that can be hired: its size, its price, and where and when that price was read."""

    vcpus: Annotated[int, Field(ge=1)]
    memory_gib: Annotated[float, Field(gt=0)]
    gpu: str | None = None
    usd_per_hour: Annotated[float, Field(gt=0)]
    source: str
    as_of: str


class Hardware(Record):
    """The machines of `infra/hardware.yaml` by name."""

    machines: dict[str, Machine]


def machine(name: str) -> Machine:
    """Return the machine `name`. Raises InputError that lists the known ones."""
    known = read_record(HARDWARE, Hardware).machines
    if name not in known:
        raise InputError(f"machine '{name}' is not in {HARDWARE}; known: {', '.join(sorted(known))}")
    return known[name]
