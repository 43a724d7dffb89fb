"""Numbers as they are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.report import numbers


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, "ms", numbers.NOTHING),
        (0.0, "ms", "0 ms"),
        (14.249, "ms", "14.2 ms"),
        (50.0, "ms", "50 ms"),
        (0.7834, "accuracy", "78.3%"),
        (0.01, "share", "1%"),
        (3.1e-5, "share of RMS", "0.0031% of RMS"),
        (0.00124, "USD", "$0.00124"),
        (12.5, "USD a month", "$12.50 a month"),
        (1234.5, "USD a month", "$1,234 a month"),
        (507_000_000, "bytes", "507 MB"),
        (52.1, "bytes per call", "52.1 B per call"),
        (4000, "requests", "4,000 requests"),
        (2.5e-9, "", "2.50e-09"),
        (-0.0312, "", "-0.0312"),
    ],
)
def test_quantities_read_as_their_unit(value: float | None, unit: str, shown: str) -> None:
    """A number is written as its unit is read, with three digits; nothing measured is a dash."""
    assert numbers.quantity(value, unit) == shown


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_digits_lose_at_most_half_of_the_last_one(value: float) -> None:
    """What is shown is within half a percent of what was measured, at any size."""
    assert float(numbers.digits(value).replace(",", "")) == pytest.approx(value, rel=0.00501)
