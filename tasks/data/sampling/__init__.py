"""Draws a uniform sample of production requests from a prediction log, in memory that does not grow with the log."""

from tasks.data.sampling.arrival_times import LatestTimes
from tasks.data.sampling.draw import draw_sample
from tasks.data.sampling.log import FORMATS, LogFile, LogSource, is_log

__all__ = ["FORMATS", "LatestTimes", "LogFile", "LogSource", "draw_sample", "is_log"]
