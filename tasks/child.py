"""Measurements run in a process of their own, so that a crash, a hang or another stage's memory is not the launch's."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tasks.records import ModelError, Record, StageError

if TYPE_CHECKING:
    from collections.abc import Callable

Request = TypeVar("Request", bound=Record)
Response = TypeVar("Response", bound=Record)
ROOT = Path(__file__).parent.parent
STDERR_SHOWN = 400
PR_SET_PDEATHSIG = 1  # of linux/prctl.h
OF_THE_MODEL = 4  # exit status of a child in which the model or its adapter failed
OTHERWISE = 3  # of one in which something else did


def measure(module: str, request: Record, response: type[Response], timeout_seconds: float) -> Response:
    """Run `python -m module REQUEST RESPONSE` in a fresh process and return the record that it wrote.

    The process does nothing but run the model, so it is a finding about the model (ModelError) where it crashed, ran out of
    memory, or was not done after `timeout_seconds`; it is then gone. Raises StageError where it says that it can't measure.
    """
    with tempfile.TemporaryDirectory(prefix="launchgate-") as folder:
        asked, answered, said = (Path(folder) / name for name in ("request.json", "response.json", "stderr"))
        asked.write_text(request.model_dump_json())
        # String hashes must differ between processes as they do in production.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONHASHSEED"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        with said.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", module, str(asked), str(answered)],
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=environment, start_new_session=True,
            )  # fmt: skip
            try:
                code = process.wait(timeout_seconds)
            except subprocess.TimeoutExpired as error:
                raise ModelError(f"{module} was not done after {timeout_seconds:g} s and was stopped") from error
            finally:
                _end(process)
        if code != 0 or not answered.exists():
            kind = ModelError if code < 0 or code == OF_THE_MODEL else StageError
            raise kind(f"{module} {_ending(code)}: {_last_words(said)}")
        return response.model_validate_json(answered.read_bytes())


def serve(request: type[Request], answer: Callable[[Request], Record]) -> None:
    """Be the child's side of `measure`: read the request, answer it, write the response, or print it without a path.

    What the answering prints goes to the standard error then, so that the standard output is JSON and nothing else.
    """
    if not 2 <= len(sys.argv) <= 3:  # noqa: PLR2004  itself, the request, and maybe the response
        print(f"usage: python -m {_module()} REQUEST.json [RESPONSE.json]", file=sys.stderr)  # noqa: T201
        raise SystemExit(2)
    answered = Path(sys.argv[2]) if len(sys.argv) > 2 else None  # noqa: PLR2004  same
    if answered is not None:
        _end_with_parent()
    else:
        told = os.dup(1)
        os.dup2(2, 1)
    try:
        result = answer(request.model_validate_json(Path(sys.argv[1]).read_bytes()))
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201  the parent quotes this line
        raise SystemExit(OF_THE_MODEL if isinstance(error, (ModelError, MemoryError)) else OTHERWISE) from error
    if answered is not None:
        answered.write_text(result.model_dump_json())
        return
    with os.fdopen(told, "w") as out:
        out.write(result.model_dump_json() + "\n")


def _module() -> str:
    """Return the name that this process was started by."""
    spec = sys.modules["__main__"].__spec__
    return spec.name.removesuffix(".__main__") if spec else sys.argv[0]


def _end_with_parent() -> None:
    """Have Linux end this process when the one that asked it is killed, which could not do so itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of the child's process group running, whatever the child itself started included."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ending(code: int) -> str:
    if code >= 0:
        return "stopped"
    name = signal.Signals(-code).name
    return f"was ended by {name}" + (", as Linux does where memory runs out" if name == "SIGKILL" else "")


def _last_words(said: Path) -> str:
    lines = [line for line in said.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:STDERR_SHOWN] if lines else "it said nothing"
