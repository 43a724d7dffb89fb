"""How many examples a property is tried on, and the confidences among them."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

THOROUGH = settings(deadline=None, max_examples=100, derandomize=True)
CONFIDENCES = st.sampled_from([0.75, 0.9, 0.95, 0.975, 0.99, 0.999])
