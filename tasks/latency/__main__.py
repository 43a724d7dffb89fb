"""The process that times: `python -m tasks.latency REQUEST.json [RESPONSE.json]`, see `timing.LatencyRequest`."""

from tasks.child import serve
from tasks.latency.timing import LatencyRequest, time_calls

if __name__ == "__main__":
    serve(LatencyRequest, time_calls)
