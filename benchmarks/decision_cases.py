"""What the decision rules are tried on: for each rule, data with a known truth, at the limit and inside it.

A case draws a sample and returns what the rule says of it. `truths` begin with one exactly at the limit, where a pass is
false; at the others a pass is right. Rows, days, users and weights are of the size that the house policies see.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tasks.data.weighting import Groups, design
from tasks.evaluation.outcomes import share
from tasks.evaluation.reliability import reliability
from tasks.statistics import (
    Bounds,
    calibration_error,
    chance,
    difference_interval,
    distance_interval,
    largest_gap,
    mean_interval,
    paired_difference,
    quantile_interval,
    rate_interval,
    ratio_of_medians,
    resample_ratio,
    resampled_interval,
    slope,
    total_variation,
)

FAST, SLOW, SLOWEST = 1_500, 600, 400  # samples
BASE = 0.76  # the baseline's value where a rule is of a change
Random = np.random.Generator
At = Callable[[float], Bounds | None]


@dataclass(frozen=True)
class Case:
    """A rule on one kind of data.

    `draw(truth)` returns the bounds at any confidence, and the point. `least` says that the limit is a floor, and
    `change` that the quantity is the candidate's loss against a baseline on the same rows.
    """

    rule: str
    data: str
    limit: float
    truths: tuple[float, ...]
    draw: Callable[[float], tuple[At, float]]
    trials: int = FAST
    least: bool = False
    change: bool = False


def cases(random: Random) -> Iterator[Case]:
    """Yield every case."""
    yield from _rates(random)
    yield from _paired(random)
    yield from _clustered_rates(random)
    yield from _errors(random)
    yield from _shapes(random)
    yield from _times(random)


def _rates(random: Random) -> Iterator[Case]:
    def rate(rows: int) -> Callable[[float], tuple[At, float]]:
        def draw(truth: float) -> tuple[At, float]:
            events = int(random.binomial(rows, truth))
            return lambda confidence: rate_interval(events, rows, confidence), events / rows

        return draw

    for rows in (600, 1_000, 3_000, 6_000):
        yield Case("exact rate, floor", f"{rows:,} rows", 0.70, (0.70, 0.72, 0.74), rate(rows), least=True)
    for rows in (1_000, 3_000):
        yield Case("exact rate, rare", f"{rows:,} rows", 0.01, (0.01, 0.005, 0.001), rate(rows))

    def gap(truth: float) -> tuple[At, float]:
        offline, live = int(random.binomial(2_500, 0.80)), int(random.binomial(3_500, 0.80 - truth))
        at: At = lambda confidence: difference_interval(offline, 2_500, live, 3_500, confidence)  # noqa: E731
        return at, offline / 2_500 - live / 3_500

    yield Case("difference of rates", "2,500 and 3,500 rows", 0.10, (0.10, 0.07, 0.05), gap)

    def weighted(truth: float) -> tuple[At, float]:
        rare = truth - 0.3  # of a slice of one request in a hundred, drawn twenty times as often
        right = np.concatenate([random.random(1_000) < (truth - 0.01 * rare) / 0.99, random.random(200) < rare])
        found = share(right, np.repeat([99.0 / 1_000, 1.0 / 200], [1_000, 200]), np.ones(1_200, dtype=bool))
        return lambda confidence: rate_interval(found.events, found.trials, confidence), found.value

    yield Case("weighted rate", "1,000 rows, 200 of a rare slice", 0.75, (0.75, 0.77, 0.79), weighted, least=True)


def _paired(random: Random) -> Iterator[Case]:
    def loss(rows: int, discordance: float) -> Callable[[float], tuple[At, float]]:
        def draw(truth: float) -> tuple[At, float]:
            shares = ((discordance - truth) / 2, (discordance + truth) / 2, 1 - discordance)
            gains, losses = (int(count) for count in random.multinomial(rows, shares)[:2])
            at: At = lambda confidence: paired_difference(losses, gains, rows, confidence)  # noqa: E731
            return at, (losses - gains) / rows

        return draw

    for rows in (600, 3_000, 6_000):
        for discordance in (0.03, 0.12):
            data = f"{rows:,} rows, {discordance:.0%} differ"
            yield Case("paired loss (Tango)", data, 0.01, (0.01, 0.0, -0.01), loss(rows, discordance), change=True)


def _clustered_rates(random: Random) -> Iterator[Case]:
    def rate(
        clusters: int, alike: float, *, unequal: bool = False, daily: bool = False, also: int = 0
    ) -> Callable[[float], tuple[At, float]]:
        def draw(truth: float) -> tuple[At, float]:
            sizes = random.lognormal(3.5, 0.8, clusters).astype(int) + 1 if unequal else np.full(clusters, 60)
            codes = np.repeat(np.arange(clusters), sizes)
            each = truth * (1 - alike) / alike, (1 - truth) * (1 - alike) / alike
            chances = random.beta(*each, clusters)[codes]
            days = random.integers(0, also, codes.size) if also else None
            if days is not None:
                chances = np.clip(chances + random.choice([-0.08, 0.08], also)[days], 0, 1)
            right, ones = random.random(codes.size) < chances, np.ones(codes.size)
            groups = Groups(days=codes) if daily else Groups(days, codes)
            every = ones.astype(bool)
            found = share(right, ones, every, design(right, ones, every, groups))
            return lambda confidence: rate_interval(found.events, found.trials, confidence), found.value

        return draw

    floor = 0.70, (0.70, 0.75, 0.80)
    for clusters in (10, 20, 28):
        for alike in (0.005, 0.05, 0.3):
            data = f"{clusters} clusters of 60, {alike:g} alike"
            yield Case("clustered rate", data, *floor, rate(clusters, alike), least=True)
    yield Case("clustered rate", "28 days of 60, 0.01 alike", *floor, rate(28, 0.01, daily=True), least=True)
    yield Case("clustered rate", "28 unequal, 0.05 alike", *floor, rate(28, 0.05, unequal=True), least=True)
    yield Case("clustered rate", "60 unequal, 0.2 alike", *floor, rate(60, 0.2, unequal=True), least=True)
    yield Case("clustered rate", "40 users and 28 days", *floor, rate(40, 0.05, also=28), least=True)

    words = np.concatenate([np.repeat(np.arange(60), 30), 60 + np.arange(1_000)])

    def loss(truth: float) -> tuple[At, float]:
        lost = random.choice([-1.0, 0.0, 1.0], 1_060, p=[(0.1 - truth) / 2, 0.9, (0.1 + truth) / 2])[words]
        ones, every = np.ones(words.size), np.ones(words.size, dtype=bool)
        effect = design(lost, ones, every, Groups(clusters=words))
        losses, gains = (share(lost == sign, ones, every, effect) for sign in (1, -1))
        at: At = lambda confidence: paired_difference(losses.events, gains.events, losses.trials, confidence)  # noqa: E731
        return at, losses.value - gains.value

    data = "60 words asked 30 times, 1,000 once"
    yield Case("clustered paired loss", data, 0.03, (0.03, 0.0, -0.03), loss, change=True)


def _errors(random: Random) -> Iterator[Case]:
    def mean(clusters: int, *, unequal: bool, skewed: bool) -> Callable[[float], tuple[At, float]]:
        def draw(truth: float) -> tuple[At, float]:
            sizes = random.lognormal(3.0, 0.7, clusters).astype(int) + 1 if unequal else np.full(clusters, 30)
            codes = np.repeat(np.arange(clusters), sizes)
            of_cluster, own = random.normal(0, 0.3, clusters)[codes], random.normal(size=codes.size)
            if skewed:
                values = truth * np.exp(of_cluster + 0.6 * own - (0.3**2 + 0.6**2) / 2)
            else:
                values = truth + 0.5 * of_cluster + 0.3 * own
            weights = random.choice([1.0, 8.0], codes.size)
            return _resampled(values, np.ones(codes.size), weights, {"clusters": codes})

        return draw

    for clusters in (10, 20, 28, 60):
        for unequal, skewed in ((False, False), (False, True), (True, True)):
            data = f"{clusters} {'unequal' if unequal else 'equal'}, {'skewed' if skewed else 'normal'}, weights"
            draw = mean(clusters, unequal=unequal, skewed=skewed)
            yield Case("mean error (bootstrap)", data, 1.0, (1.0, 0.9, 0.7), draw, SLOW)

    def tokens(truth: float) -> tuple[At, float]:
        sizes = random.geometric(0.3, 300)
        codes = np.repeat(np.arange(300), sizes)
        wanted = random.integers(3, 10, 300)[codes]
        wrong = random.binomial(wanted, random.beta(4 * truth, 4 * (1 - truth), 300)[codes])
        return _resampled(wrong, wanted, np.ones(codes.size), {"clusters": codes})

    yield Case("token error (bootstrap)", "300 words, asked 1 to 20 times", 0.15, (0.15, 0.12, 0.10), tokens, SLOWEST)

    def rise(truth: float) -> tuple[At, float]:
        before = random.lognormal(2, 0.8, 400)
        moved = truth + random.normal(0, 2, 400) * before / before.mean()
        return _resampled(moved, np.ones(400), np.ones(400), None)

    yield Case("rise of a mean error", "400 rows", 0.5, (0.5, 0.2, 0.0), rise, SLOWEST, change=True)


def _resampled(
    top: np.ndarray, under: np.ndarray, weights: np.ndarray, groups: dict[str, np.ndarray] | None
) -> tuple[At, float]:
    found = resample_ratio(top, under, weights, groups)
    return lambda confidence: resampled_interval(found, confidence), found.estimate


def _shapes(random: Random) -> Iterator[Case]:
    def calibration(truth: float) -> tuple[At, float]:
        confidence = random.uniform(0.5, 1, 3_000)
        right = random.random(3_000) < confidence - truth
        gaps = reliability(confidence, right, np.ones(3_000)).gaps
        plain = math.sqrt(sum(mass * gap * gap for gap, _, mass in zip(*gaps, strict=True)))
        return lambda level: calibration_error(*gaps, level), plain

    yield Case("calibration error", "3,000 answers, gaps everywhere", 0.05, (0.05, 0.03, 0.01), calibration, SLOWEST)

    def categories(truth: float) -> tuple[At, float]:
        before = np.array([0.4, 0.2, 0.2, 0.1, 0.1])
        one = random.multinomial(1_500, before) / 1_500
        other = random.multinomial(4_000, before + np.array([-truth, truth, 0, 0, 0])) / 4_000
        found, excess = total_variation(one, other), chance(one, other, 1_500, 4_000)
        return lambda confidence: distance_interval(found, 1_500, 4_000, confidence, excess), found

    def numbers(truth: float) -> tuple[At, float]:
        before = np.full(50, 0.02)
        moved = before + np.repeat([-truth / 25, truth / 25], 25)
        one, other = random.multinomial(1_500, before) / 1_500, random.multinomial(4_000, moved) / 4_000
        found, _ = largest_gap(one, other)
        return lambda confidence: distance_interval(found, 1_500, 4_000, confidence), found

    for name, draw in (("distance of categories", categories), ("distance of numbers", numbers)):
        yield Case(name, "1,500 and 4,000 rows", 0.10, (0.10, 0.05, 0.02), draw)


def _times(random: Random) -> Iterator[Case]:
    def quantile(q: float, rows: int) -> Callable[[float], tuple[At, float]]:
        true = math.exp(0.5 * NormalDist().inv_cdf(q))

        def draw(truth: float) -> tuple[At, float]:
            times = truth * random.lognormal(0, 0.5, rows) / true
            return lambda confidence: quantile_interval(times, q, confidence), float(np.quantile(times, q))

        return draw

    for q, rows in ((0.5, 600), (0.99, 600), (0.99, 3_000), (0.999, 6_000)):
        yield Case("quantile", f"p{100 * q:g} of {rows:,} calls", 1.0, (1.0, 0.9, 0.8), quantile(q, rows), 1_000)

    def mean(truth: float) -> tuple[At, float]:
        times, seed = truth * random.lognormal(-0.125, 0.5, 300), int(random.integers(1 << 30))
        return lambda confidence: mean_interval(times, confidence, seed), float(times.mean())

    def medians(truth: float) -> tuple[At, float]:
        slow, fast = truth * random.lognormal(0, 0.3, 100), random.lognormal(0, 0.3, 100)
        seed = int(random.integers(1 << 30))
        return lambda confidence: ratio_of_medians(slow, fast, confidence, seed), float(
            np.median(slow) / np.median(fast)
        )

    def growth(truth: float) -> tuple[At, float]:
        calls = np.arange(15.0)
        sizes = truth * calls + random.normal(0, 2, 15)
        return lambda confidence: slope(calls, sizes, confidence), float(np.polyfit(calls, sizes, 1)[0])

    yield Case("mean of times", "300 calls", 1.0, (1.0, 0.95, 0.9), mean, SLOWEST)
    yield Case("ratio of medians", "100 and 100 calls", 1.2, (1.2, 1.1, 1.0), medians, SLOW)
    yield Case("slope", "15 points", 1.0, (1.0, 0.8, 0.5), growth)
