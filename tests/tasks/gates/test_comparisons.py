"""What the gates that hold a variant against another model share: the rise of its error, row by row."""

from __future__ import annotations

import pytest
from support.gate_limits import check, judge
from support.mean_errors import mean_error, with_errors


@pytest.mark.parametrize("gate", ["quantization-loss", "champion-regression"])
@pytest.mark.parametrize(("rise", "outcome"), [(0.1, "pass"), (2, "fail")])
def test_a_rise_against_another_model_is_held_row_by_row(gate: str, rise: float, outcome: str) -> None:
    """Half a unit more is allowed against fp32, and against the champion."""
    result = judge(gate, with_errors(mean_error(10), mean_error(10), mean_error(rise)), error_margin=0.5)
    assert check(result, "error").outcome == outcome
