"""Measurements run in a process of their own, so that a crash, a hang or another stage's memory is not the launch's."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tasks.core.errors import InputError, ModelError, StageError
from tasks.core.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

Request = TypeVar("Request", bound=Record)
Response = TypeVar("Response", bound=Record)
Asked = TypeVar("Asked", bound=Record)
ANSWERED = b"answered"
ROOT = Path(__file__).parents[2]
STDERR_SHOWN = 400
PR_SET_PDEATHSIG = 1  # of linux/prctl.h
OF_THE_MODEL = 4  # exit status of a child in which the model or its adapter failed
OTHERWISE = 3  # of one in which something else did


def run_worker(
    module: str, request: Record, response: type[Response], timeout_seconds: float, packages: Path | None = None
) -> Response:
    """Run `python -m module REQUEST RESPONSE` in a fresh process and return the record that it wrote.

    What lies in the folder `packages` is imported there in place of what is installed.

    The process does nothing but run the model, so it is a finding about the model (ModelError) where it crashed, ran out of
    memory, or was not done after `timeout_seconds`; it is then gone. Raises StageError where it says that it can't measure.
    """
    with tempfile.TemporaryDirectory(prefix="launchgate-") as folder:
        asked, answered, said = (Path(folder) / name for name in ("request.json", "response.json", "stderr"))
        asked.write_text(request.model_dump_json())
        with said.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", module, str(asked), str(answered)],
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=_environment(packages), start_new_session=True,
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


class Conversation:
    """A child process that is opened with one record and then answers others, one after the other, kept warm between.

    What lies in the folder `packages` is imported there in place of what is installed. Raises StageError where it stops,
    and ModelError where it crashes or hangs, which as in `run_worker` is the doing of what it serves; where it says why it has
    no answer to one request, it can be asked for others.
    """

    def __init__(self, module: str, opening: Record, packages: Path | None = None) -> None:
        self.module = module
        self._said = tempfile.NamedTemporaryFile(prefix="launchgate-")  # noqa: SIM115  lives as long as the child
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, env=_environment(packages),
            start_new_session=True,
        )  # fmt: skip
        self._unread = b""
        self._tell(opening)

    def ask(self, request: Record, response: type[Response], timeout_seconds: float) -> Response:
        """Return the child's answer to a request; one that takes longer ends the child. Raises StageError."""
        self._tell(request)
        kind, _, text = self._hear(timeout_seconds).partition(b" ")
        if kind != ANSWERED:
            raise StageError(text.decode())
        return response.model_validate_json(text)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def close(self) -> None:
        """End the child and all that it started."""
        _end(self._process)
        self._said.close()

    def _tell(self, record: Record) -> None:
        assert self._process.stdin is not None  # noqa: S101  it was opened as a pipe
        try:
            self._process.stdin.write(record.model_dump_json().encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._gone() from error

    def _hear(self, timeout_seconds: float) -> bytes:
        assert self._process.stdout is not None  # noqa: S101  it was opened as a pipe
        until = time.monotonic() + timeout_seconds
        while b"\n" not in self._unread:
            if not select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                _end(self._process)
                raise ModelError(f"{self.module} was not done after {timeout_seconds:g} s and was stopped")
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            if not more:
                raise self._gone()
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _gone(self) -> StageError:
        code = self._process.wait()
        _end(self._process)
        kind = ModelError if code < 0 else StageError
        return kind(f"{self.module} {_ending(code)}: {_last_words(Path(self._said.name))}")


def answer_requests(
    opening: type[Request], start: Callable[[Request], Callable[[Asked], Record]], asked: type[Asked]
) -> None:
    """Be the child's side of a Conversation: `start` is given the opening and returns what answers each request."""
    _end_with_parent()
    answers, asks = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0))
    os.dup2(2, 1)  # what a model prints is no answer
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)  # or what a model starts could read the requests away
    answer = None
    first = asks.readline()
    for line in asks:
        try:
            answer = answer or start(opening.model_validate_json(first))
            said = ANSWERED + b" " + answer(asked.model_validate_json(line)).model_dump_json().encode()
        except (StageError, InputError) as error:
            said = b"failed " + " ".join(str(error).split()).encode()
        answers.write(said + b"\n")
        answers.flush()


def answer_request(request: type[Request], answer: Callable[[Request], Record]) -> None:
    """Be the child's side of `run_worker`: read the request, answer it, write the response, or print it without a path.

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


def _environment(packages: Path | None) -> dict[str, str]:
    """Return a child's environment: this one's, but string hashes differ between processes as they do in production."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONHASHSEED"}
    path = (str(packages or ""), str(ROOT), os.environ.get("PYTHONPATH"))
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    return environment


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
