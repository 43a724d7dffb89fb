"""Paired differences and the rows that they need, against the literature, against enumeration, and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from support.property_tests import CONFIDENCES, THOROUGH

from tasks.statistics import decide_lower, paired_difference, rows_for_non_inferiority


@st.composite
def pairs(draw: st.DrawFn, most: int = 2000) -> tuple[int, int, int]:
    """Draw candidate-only and baseline-only rows, and all rows."""
    rows = draw(st.integers(1, most))
    candidate_only = draw(st.integers(0, rows))
    return candidate_only, draw(st.integers(0, rows - candidate_only)), rows


@pytest.mark.parametrize(
    ("cells", "confidence", "published"),
    [((1, 7, 21), 0.975, (-0.517, -0.026)), ((0, 1, 44), 0.95, (-0.096, 0.037))],
)
def test_paired_difference_gives_the_published_interval(
    cells: tuple[int, int, int], confidence: float, published: tuple[float, float]
) -> None:
    """The intervals are those published for Tango's score method."""
    got = paired_difference(*cells, confidence)
    assert (got.low, got.high) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize(("b", "c", "n"), [(3, 9, 40), (12, 2, 30), (0, 6, 25), (40, 55, 1000), (1, 1, 5)])
def test_paired_bounds_sit_where_the_score_test_turns(b: int, c: int, n: int) -> None:
    """At each bound the score statistic, with its nuisance rate found by maximum likelihood, is the normal quantile."""

    def statistic(difference: float) -> float:
        def unlikely(share: float) -> float:
            cells = (share + difference, share, 1 - 2 * share - difference)
            return -sum(k * math.log(max(p, 1e-300)) for k, p in zip((b, c, n - b - c), cells, strict=True) if k)

        edges = (max(0.0, -difference), (1 - difference) / 2)
        share = optimize.minimize_scalar(unlikely, bounds=edges, method="bounded", options={"xatol": 1e-12}).x
        return (b - c - n * difference) / math.sqrt(n * (2 * share + difference * (1 - difference)))

    got = paired_difference(b, c, n, 0.95)
    assert statistic(got.low) == pytest.approx(1.64485, abs=1e-3)
    assert statistic(got.high) == pytest.approx(-1.64485, abs=1e-3)


@pytest.mark.parametrize(("rows", "worst"), [(10, 0.91), (20, 0.91), (50, 0.92)])
def test_paired_bounds_hold_near_what_they_say(rows: int, worst: float) -> None:
    """Summed over every outcome, a 95% lower bound holds at least 91% of the time, 95% on average."""
    cells = [(b, c) for b in range(rows + 1) for c in range(rows + 1 - b)]
    low = np.array([paired_difference(b, c, rows, 0.95).low for b, c in cells])
    outcomes = np.array([(b, c, rows - b - c) for b, c in cells])
    coverage = []
    for discordance in (0.02, 0.1, 0.3, 0.8):
        for share in (0.0, 0.1, 0.5, 0.9, 1.0):
            rates = [discordance * share, discordance * (1 - share), 1 - discordance]
            chance = stats.multinomial.pmf(outcomes, rows, rates)
            coverage.append(chance[low <= rates[0] - rates[1] + 1e-12].sum())
    assert min(coverage) >= worst
    assert np.mean(coverage) >= 0.95


@THOROUGH
@given(pairs(), CONFIDENCES)
def test_paired_difference_is_a_mirror(cells: tuple[int, int, int], confidence: float) -> None:
    """It holds its estimate, stays in [-1, 1], is never NaN, and swapping the models turns it round."""
    b, c, n = cells
    here, there = paired_difference(b, c, n, confidence), paired_difference(c, b, n, confidence)
    assert -1 <= here.low <= here.estimate <= here.high <= 1
    assert (here.low, here.high) == (-there.high, -there.low)


@THOROUGH
@given(pairs(), CONFIDENCES)
def test_paired_difference_rises_with_candidate_wins(cells: tuple[int, int, int], confidence: float) -> None:
    """One more row that only the candidate gets right moves both bounds up, for the baseline both down."""
    b, c, n = cells
    here = paired_difference(b, c, n + 1, confidence)
    won, lost = paired_difference(b + 1, c, n + 1, confidence), paired_difference(b, c + 1, n + 1, confidence)
    assert lost.low - 1e-12 <= here.low <= won.low + 1e-12
    assert lost.high - 1e-12 <= here.high <= won.high + 1e-12


@pytest.mark.parametrize("rows", [1, 2, 10, 1000, 10**7])
def test_models_that_never_differ_leave_a_known_width(rows: int) -> None:
    """Without discordant rows the bounds are z^2 / (n + z^2) either side of 0, and never 0 itself."""
    z2 = stats.norm.ppf(0.95) ** 2
    got = paired_difference(0, 0, rows, 0.95)
    assert got.estimate == 0
    assert (got.low, got.high) == pytest.approx((-z2 / (rows + z2), z2 / (rows + z2)), abs=0, rel=1e-6)


@pytest.mark.parametrize("rows", [1, 4, 500])
def test_models_that_always_differ_close_at_the_end(rows: int) -> None:
    """Where only the candidate is ever right, the upper bound is 1 and the lower (n - z^2) / (n + z^2)."""
    z2 = stats.norm.ppf(0.95) ** 2
    got = paired_difference(rows, 0, rows, 0.95)
    assert (got.low, got.high) == pytest.approx(((rows - z2) / (rows + z2), 1.0))


@pytest.mark.parametrize(("discordance", "margin"), [(0.05, 0.01), (0.01, 0.01), (0.1, 0.05), (0.3, 0.1)])
def test_rows_for_non_inferiority_reach_their_power(discordance: float, margin: float) -> None:
    """With the rows asked for, an equal candidate is shown non-inferior about 80% of the time."""
    rows = rows_for_non_inferiority(discordance, margin, 0.95)
    draws = np.random.default_rng(1).multinomial(rows, [discordance / 2, discordance / 2, 1 - discordance], 1000)
    passed = [decide_lower(paired_difference(int(b), int(c), rows, 0.95), -margin) == "pass" for b, c, _ in draws]
    assert np.mean(passed) == pytest.approx(0.8, abs=0.06)


def test_rows_for_non_inferiority_near_the_rule_of_thumb() -> None:
    """5% discordant at a margin of 1 point asks for a little over 6.18 * 0.05 / 0.01^2 rows."""
    assert 3090 <= rows_for_non_inferiority(0.05, 0.01, 0.95) <= 3200


@pytest.mark.parametrize("margin", [0.005, 0.01, 0.05])
def test_rows_without_discordance_are_the_fewest_that_pass(margin: float) -> None:
    """Identical models pass at exactly the rows asked for, and not at one row less."""
    rows = rows_for_non_inferiority(0.0, margin, 0.95)
    assert paired_difference(0, 0, rows, 0.95).low >= -margin
    assert paired_difference(0, 0, rows - 1, 0.95).low < -margin
