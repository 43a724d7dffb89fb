"""Open-loop load: requests are sent when they are due, whatever the server does, and latency counts from then.

One child process holds the loaded model and its workers; each run has a generator in a process of its own, so that neither
waits for the other's interpreter. Requests go from one to the other through a pipe, which is the server's queue.
"""
