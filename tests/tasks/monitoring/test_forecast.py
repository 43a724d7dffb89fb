"""What a launch promised, kept or broken by what is seen since."""

from __future__ import annotations

from tasks.evidence import Share
from tasks.monitoring.forecast import Promise, SeenRate, kept


def test_a_forecast_allows_for_the_chance_of_both_samples() -> None:
    """The same share is kept or broken by how many rows show it, and days that differed at the launch widen it."""
    then = SeenRate(Share(events=800, trials=1000), 1000)
    by_day = SeenRate(Share(events=80, trials=100), 1000)

    def held(before: SeenRate, rows: int) -> str:
        now = SeenRate(Share(events=0.74 * rows, trials=rows), rows)
        return kept(Promise("forecast", "The accuracy", before, now, 100, floor=True), 0.9875).outcome

    assert [held(then, rows) for rows in (50, 200, 2000)] == ["inconclusive", "pass", "fail"]
    assert held(by_day, 2000) == "pass"


def test_without_labels_at_the_launch_there_is_no_forecast() -> None:
    """A share that was never seen, or is not seen now, is unmeasured and says which."""
    seen, none = SeenRate(Share(events=8, trials=10), 10), SeenRate(Share(events=0, trials=0), 0)
    said = [kept(Promise("f", "The accuracy", *pair, 5, floor=True), 0.95) for pair in ((none, seen), (seen, none))]
    assert [check.outcome for check in said] == ["unmeasured", "unmeasured"]
    assert "the launch's sample shows none" in said[0].because
    assert "no request since the launch shows it" in said[1].because
