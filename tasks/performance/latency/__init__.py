"""The latency lab: what measures in processes of its own how fast a variant answers.

`profile` times calls by batch size, `start` fresh processes, `turns` the candidate and the live champion in one process.
`python -m tasks.performance.latency REQUEST.json [RESPONSE.json]` times alone, on a machine with numpy, pydantic and onnxruntime.
"""
