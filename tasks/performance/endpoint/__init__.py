"""A deployed endpoint under the same open-loop load as a replica in a process of its own, over HTTP.

The generator of `tasks.performance.load` says when each request is due; a client in another process sends it then, on a connection of
its own where all others are busy, so that a slow server slows no arrival.
"""
