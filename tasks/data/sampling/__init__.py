"""Draws a uniform sample of production requests from a prediction log, in memory that does not grow with the log."""

from tasks.data.sampling.arrival_times import LatestTimes
from tasks.data.sampling.draw import draw_sample

__all__ = ["LatestTimes", "draw_sample"]
