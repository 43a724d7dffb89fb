"""Draws a uniform sample of production requests from a prediction log, in memory that does not grow with the log."""

from tasks.sample.draw import draw_sample
from tasks.sample.log import FORMATS, LogFile, LogSource, is_log
from tasks.sample.times import LatestTimes

__all__ = ["FORMATS", "LatestTimes", "LogFile", "LogSource", "draw_sample", "is_log"]
