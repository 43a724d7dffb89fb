"""The same inputs again: repeated in process, in a fresh process, and in other batches with other neighbours.

Runs alone too: `python -m tasks.serving.determinism REQUEST.json RESPONSE.json`.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.candidate.adapter import AdapterError
from tasks.core.errors import StageError
from tasks.core.files import digest
from tasks.core.records import Record, Serving
from tasks.core.worker import answer_request, run_worker
from tasks.evidence import DeterminismEvidence, Difference, Raw
from tasks.serving.differences import compare_answers
from tasks.serving.golden import read_golden, write_golden
from tasks.serving.pipelined import Span, predict_ahead
from tasks.serving.server import Answers, Server, join

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from tasks.core.settings import Measuring


GOLDEN_ROWS = 100
BATCHES = (32, 64, 128)


class DeterminismRequest(Record):
    """What to answer again; `golden` is where the answers to the recorded inputs go.

    Without `invariance_rows`, the recorded inputs are answered once and nothing is compared.
    """

    serving: Serving
    rows: Path
    golden_rows: int
    invariance_rows: int
    seed: int
    golden: Path


class DeterminismResponse(Record):
    """What differed, and the top-level modules that serving imported."""

    rows: int
    repeats: tuple[Difference, ...]
    batches: tuple[Difference, ...]
    modules: tuple[str, ...]


def measure_determinism(
    serving: Serving, rows: Path, measuring: Measuring, seed: int, out: Path
) -> tuple[DeterminismEvidence, tuple[str, ...]]:
    """Return how answers differ when asked again, and the top-level modules that the serving path imports.

    Raises StageError where the variant does not run on the target, or crashes.
    """
    out.mkdir(parents=True, exist_ok=True)
    request = DeterminismRequest(
        serving=serving,
        rows=rows,
        golden_rows=GOLDEN_ROWS,
        invariance_rows=measuring.invariance_rows,
        seed=seed,
        golden=out / "golden.parquet",
    )
    fresh = out / "golden-fresh.parquet"
    again = request.model_copy(update={"invariance_rows": 0, "golden": fresh})
    first, _ = _answer_in_processes((request, again), measuring.stage_timeout_seconds)
    across = compare_answers("fresh process", read_golden(request.golden), read_golden(fresh), serving.marking.same)
    fresh.unlink()
    fresh.with_suffix(".npz").unlink()
    golden = request.golden
    evidence = DeterminismEvidence(
        rows=first.rows,
        repeats=(*first.repeats, across),
        batches=first.batches,
        golden=Raw(path=f"{out.parent.name}/{out.name}/{golden.name}", sha256=digest(golden), rows=first.rows),
    )
    return evidence, first.modules


def _answer_in_processes(
    requests: Sequence[DeterminismRequest], timeout_seconds: float
) -> tuple[DeterminismResponse, ...]:
    """Return what fresh processes answer that run side by side, since nothing is timed; what the first raises goes first."""
    with ThreadPoolExecutor(len(requests)) as pool:
        asked = [
            pool.submit(run_worker, "tasks.serving.determinism", request, DeterminismResponse, timeout_seconds)
            for request in requests
        ]
        return tuple(each.result() for each in asked)


def answer_again(request: DeterminismRequest) -> DeterminismResponse:
    """Answer the recorded inputs several times and the others in several batches; the body of the child."""
    import pandas as pd

    table = pd.read_parquet(request.rows, columns=list(request.serving.input_columns)).dropna()
    if table.empty:
        raise StageError("the production sample has no row with inputs to repeat")
    table = table.sample(frac=1, random_state=request.seed).reset_index(drop=True)
    server = Server(request.serving)
    golden, first = _answer_alone(server, table, request.golden_rows)
    repeats, differences, same = [], [], request.serving.marking.same
    if request.invariance_rows:  # a fresh process only records its answers
        repeats.append(compare_answers("repeated at once", first, server.predict_in(golden, 1), same))
        differences = _batch_differences(server, table, request.invariance_rows, request.seed)
        repeats.append(compare_answers("repeated after other work", first, server.predict_in(golden, 1), same))
        repeats.append(_encoded_ahead(server, golden, first, same))
    write_golden(request.golden, golden, first)
    modules = {
        name.partition(".")[0] for name, module in sys.modules.copy().items() if getattr(module, "__file__", None)
    }
    return DeterminismResponse(
        rows=len(golden), repeats=tuple(repeats), batches=tuple(differences), modules=tuple(sorted(modules))
    )


def _answer_alone(server: Server, table: pd.DataFrame, count: int) -> tuple[pd.DataFrame, Answers]:
    """Return the first `count` rows that the adapter answers at all, and its answers, each row in a batch of its own.

    The other rows are counted by the evaluation. Raises StageError where there is none that it answers.
    """
    kept: list[int] = []
    answers: list[Answers] = []
    for index in range(len(table)):
        if len(kept) == count:
            break
        try:
            answers.append(server.predict(table.iloc[[index]].reset_index(drop=True)))
        except AdapterError:
            continue
        kept.append(index)
    if not kept:
        raise StageError(f"the adapter answered none of the {len(table)} production rows")
    return table.iloc[kept].reset_index(drop=True), join(answers)


def _encoded_ahead(server: Server, golden: pd.DataFrame, first: Answers, same: float) -> Difference:
    """Hold answers that were decoded after the next input was encoded, as evaluation does, against the first ones."""
    case, answers = "next input encoded before", []
    for _, answer in predict_ahead(server, golden, [Span(row, row + 1) for row in range(len(golden))]):
        if isinstance(answer, AdapterError):
            return Difference(case=case, rows=len(golden), error=str(answer))
        answers.append(answer)
    return compare_answers(case, first, join(answers), same)


def _batch_differences(server: Server, table: pd.DataFrame, count: int, seed: int) -> list[Difference]:
    """Answer each row alone, and then in batches of other sizes, at other places, with other neighbours."""
    rows, alone = _answer_alone(server, table, count)
    found = []
    for index, size in enumerate(BATCHES):
        order = np.random.default_rng(seed + index).permutation(len(rows))
        back = np.argsort(order)
        try:
            mixed = server.predict_in(rows.iloc[order].reset_index(drop=True), size)
        except AdapterError as error:
            found.append(Difference(case=f"batch {size}", rows=len(rows), error=str(error)))
            continue
        frame = mixed.frame.iloc[back].reset_index(drop=True)
        outputs = {name: array[back] for name, array in mixed.outputs.items()}
        found.append(compare_answers(f"batch {size}", alone, Answers(frame, outputs), server.serving.marking.same))
    return found


if __name__ == "__main__":
    answer_request(DeterminismRequest, answer_again)
