"""What the process that times calls is asked, and what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import model_validator

from tasks.core.records import Record, Serving, Target
from tasks.evidence import Noise

if TYPE_CHECKING:
    from tasks.core.settings import Measuring


class Encoded(Record):
    """A graph and inputs for it: `inputs` is an .npz file with one array [rows, ...] a graph input, see `EncodedServer`."""

    graph: Path
    inputs: Path
    target: Target
    threads: int = 0


class LatencyRequest(Record):
    """What to time: `calls` and `seconds` bound each batch size, whichever comes first.

    Either a variant that is served (`serving`) on the rows of a Parquet file (`rows`), or a graph on inputs that were
    encoded before (`encoded`), for which numpy and onnxruntime are enough.
    """

    serving: Serving | None = None
    rows: Path | None = None
    encoded: Encoded | None = None
    batches: tuple[int, ...]
    calls: dict[int, int]
    seconds: dict[int, float]
    seed: int

    @model_validator(mode="after")
    def _one_of_the_two(self) -> LatencyRequest:
        if (self.encoded is None) == (self.serving is None) or (self.serving is None) != (self.rows is None):
            raise ValueError("give either serving and rows, or encoded")
        return self


class CallTimes(Record):
    """The timed calls of one batch size, in order: seconds of their parts, and of models that answer in steps those.

    `steps` holds (steps, seconds to the first one's end, seconds to the last one's) of each call.
    """

    batch: int
    encode: tuple[float, ...]
    session: tuple[float, ...]
    decode: tuple[float, ...]
    steps: tuple[tuple[int, float, float], ...]
    elements: float | None

    @property
    def seconds(self) -> tuple[float, ...]:
        """The whole of each call."""
        return tuple(sum(parts) for parts in zip(self.encode, self.session, self.decode, strict=True))


class LatencyResponse(Record):
    """What was timed, in seconds."""

    load_seconds: float
    first_call_seconds: float
    warmup_calls: int
    batches: tuple[CallTimes, ...]
    noise: Noise


def latency_request(
    measuring: Measuring,
    seed: int,
    serving: Serving | None = None,
    rows: Path | None = None,
    encoded: Encoded | None = None,
) -> LatencyRequest:
    """Return what the policy has timed, of a served variant on rows or of a graph on encoded inputs."""
    single, sizes = min(measuring.batches), measuring.batches
    return LatencyRequest(
        serving=serving,
        rows=rows,
        encoded=encoded,
        batches=sizes,
        calls={size: measuring.latency_calls if size == single else measuring.calls_per_batch for size in sizes},
        seconds={size: measuring.latency_seconds if size == single else measuring.batch_seconds for size in sizes},
        seed=seed,
    )
