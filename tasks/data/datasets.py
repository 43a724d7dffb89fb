"""The three data sets of a launch, as files in its run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.errors import InputError
from tasks.core.records import Candidate, Record

if TYPE_CHECKING:
    from tasks.core.run_folder import RunFolder

if TYPE_CHECKING:
    import pandas as pd

READERS = {".parquet": "read_parquet", ".csv": "read_csv", ".jsonl": "read_json"}


class DataSets(Record):
    """Parquet files: the curated evaluation set, the calibration set, and the production sample."""

    evaluation: Path
    calibration: Path
    production: Path


def copy_fixed_sets(candidate: Candidate, run_folder: RunFolder) -> DataSets:
    """Write the candidate's evaluation and calibration sets into `run_folder.data` and return where all three lie.

    A set without ids gets its row numbers as ids. Raises InputError where a set cannot be read or lacks a column.
    """
    run_folder.data.mkdir(parents=True, exist_ok=True)
    sets = DataSets(
        evaluation=run_folder.data_set("evaluation"),
        calibration=run_folder.data_set("calibration"),
        production=run_folder.data_set("production"),
    )
    columns = candidate.columns
    for name, path, needed in (
        ("evaluation", sets.evaluation, (*columns.input, columns.label)),
        ("calibration", sets.calibration, columns.input),
    ):
        source = candidate.resolve(getattr(candidate.data, name))
        rows = read_table(source)
        missing = [column for column in needed if column not in rows]
        if missing:
            raise InputError(
                f"the {name} set {source} lacks the column {', '.join(missing)}; it has {', '.join(map(str, rows.columns))}. "
                "Name the columns as they are under `columns:` in candidate.yaml"
            )
        if columns.id not in rows:
            rows = rows.assign(**{columns.id: [f"{name}-{index}" for index in range(len(rows))]})
        rows.to_parquet(path, index=False)
    return sets


def read_table(path: Path) -> pd.DataFrame:
    """Return the rows of a Parquet, CSV or JSON-lines file. Raises InputError where it is none of them."""
    import pandas as pd

    reader = READERS.get(path.suffix)
    if reader is None:
        raise InputError(f"{path} is no table that launchgate reads; give a file that ends in {', '.join(READERS)}")
    options = {"lines": True} if path.suffix == ".jsonl" else {}
    try:
        return getattr(pd, reader)(path, **options)  # type: ignore[no-any-return]
    except Exception as error:
        raise InputError(f"{path} cannot be read as {path.suffix[1:]}: {type(error).__name__}: {error}") from error
