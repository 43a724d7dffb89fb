"""Changes of numbers."""

from __future__ import annotations

import pytest
from support.perturbed_values import changed

from tasks.evaluation.robustness.columns import Column
from tasks.evaluation.robustness.plan import content


def test_numbers_keep_their_type_or_change_it_on_purpose() -> None:
    """An identifier that is far out is still an integer."""
    integers, floats = Column("n", "integers", 0, 9), Column("x", "floats", 0, 1)
    assert isinstance(changed("far out of range", 4, integers), int)
    assert abs(changed("far out of range", 0.5, floats)) > 9
    assert content(changed("integer as float", 4, integers)) != content(4)
    assert changed("other last digit", 0.5, floats) == pytest.approx(0.5, rel=1e-5)
