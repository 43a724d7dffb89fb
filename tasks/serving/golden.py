"""Recorded inputs with their answers, kept so that they can be asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.serving.server import Answers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd


INPUT = "input_"  # before the name of a recorded input's column


def write_golden(path: Path, inputs: pd.DataFrame, answers: Answers) -> None:
    """Write recorded inputs with their answers as Parquet, and the raw outputs beside it as .npz."""
    inputs.reset_index(drop=True).add_prefix(INPUT).join(answers.frame).to_parquet(path, index=False)
    arrays: dict[str, Any] = dict(answers.outputs)
    np.savez(path.with_suffix(".npz"), **arrays)


def read_golden(path: Path) -> Answers:
    """Return the answers that `write_golden` wrote."""
    import pandas as pd

    with np.load(path.with_suffix(".npz")) as arrays:
        outputs = {name: arrays[name] for name in arrays.files}
    return Answers(pd.read_parquet(path, columns=["prediction", "confidence"]), outputs)


def read_golden_inputs(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """Return the inputs that `write_golden` wrote, under the adapter's own column names."""
    import pandas as pd

    table = pd.read_parquet(path)
    return table.rename(columns={f"{INPUT}{name}": name for name in names})[list(names)]
