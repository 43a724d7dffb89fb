"""Notes how many seconds a process imports: Python runs this file when it starts and finds it on its path.

Each import of the outermost level adds to the process's own file in the folder `IMPORT_CLOCK`, so that a process that is
killed has said its part. A thread's imports count as its own, beside those of others.
"""

import _thread
import builtins
import os
import sys
import time

LEAST_SECONDS = 0.001  # of an import that is written down


def start(folder: str) -> None:
    """Write this process's command line to its file in `folder`, and after each import its seconds."""
    told = os.open(os.path.join(folder, str(os.getpid())), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)  # noqa: PTH118  pathlib takes milliseconds to import
    os.write(told, (" ".join(sys.orig_argv).replace("\n", " ") + "\n").encode())
    plain, own, clock = builtins.__import__, _thread._local(), time.perf_counter  # noqa: SLF001  threading takes longer to import

    def timed(*given: object, **named: object) -> object:
        if getattr(own, "inside", False):
            return plain(*given, **named)  # type: ignore[arg-type]
        own.inside, begun = True, clock()
        try:
            return plain(*given, **named)  # type: ignore[arg-type]
        finally:
            own.inside, took = False, clock() - begun
            if took > LEAST_SECONDS:
                os.write(told, f"{took:.4f}\n".encode())

    builtins.__import__ = timed  # type: ignore[assignment]


if "IMPORT_CLOCK" in os.environ:
    start(os.environ["IMPORT_CLOCK"])
