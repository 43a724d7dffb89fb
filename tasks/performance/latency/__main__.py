"""The process that times: `python -m tasks.performance.latency REQUEST.json [RESPONSE.json]`, see `timing.LatencyRequest`."""

from tasks.core.worker import answer_request
from tasks.performance.latency.request import LatencyRequest
from tasks.performance.latency.timing import time_calls

if __name__ == "__main__":
    answer_request(LatencyRequest, time_calls)
