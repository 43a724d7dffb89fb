"""Every kind of perturbation."""

from __future__ import annotations

import pytest
from support.perturbed_values import PROSE, TEXT

from tasks.evaluation.robustness.columns import Draw
from tasks.evaluation.robustness.perturbations import KINDS, Kind


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "prose" in kind.of], ids=lambda kind: kind.name)
def test_every_change_of_text_bears_any_text(kind: Kind) -> None:
    """Empty, blank, short and foreign texts are changed or left, and a seed gives the same again."""
    for text in ("", " ", "a", "\n", "\u4eca\u5929\u5929\u6c14", "\U0001f600", TEXT, TEXT.upper()):
        one, other = (kind.change(text, Draw(5), PROSE) for _ in range(2))
        assert one == other
