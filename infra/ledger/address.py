"""Where a ledger's records and files lie, and whether that place answers, told from its address alone."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_SECONDS = 5
SETTINGS = {  # no telemetry, no log lines of set-up, nothing on standard output, no progress bars
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
IMPATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(ANSWER_SECONDS),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
}
DATABASES = ("sqlite", "postgresql", "mysql")


def is_server(uri: str) -> bool:
    """Return whether `uri` is that of an MLflow server."""
    return uri.startswith(("http://", "https://"))


def without_password(uri: str) -> str:
    """Return `uri` as it can be shown to anyone."""
    return re.sub(r"(password=)[^&]*", r"\1…", re.sub(r"//[^?]*@", "//", uri))


def with_driver(uri: str) -> str:
    """Return `uri` with the PostgreSQL driver that launchgate's extra installs, where it names none.

    SQLAlchemy 2.1 would look for another one.
    """
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg2://", uri)


def artifact_location(uri: str, root: str | None, experiment: str) -> str | None:
    """Return the address that an experiment's files go to, None where an MLflow server decides.

    Raises InputError for a database without a root for files; files of a SQLite ledger lie beside it by default.
    """
    if is_server(uri):
        return None
    if root is None:
        root = str(sqlite_file(uri).parent / "artifacts") if uri.startswith("sqlite") else None
    if root is None:
        raise InputError(
            f"the ledger {without_password(uri)} keeps no files; say where they go: give an artifact root, "
            "a folder or an s3:// address"
        )
    place = root if "://" in root else Path(root).resolve().as_uri()
    return f"{place.rstrip('/')}/{experiment}"


def page(server: str, experiment: str, run_id: str = "") -> str:
    """Return the address of an experiment's runs, or of one of them, on an MLflow server.

    Without the workflow in it the page opens among prompts and agents, whose menu hides runs and models.
    """
    place = f"{without_password(server).rstrip('/')}/#/experiments/{experiment}/runs"
    return f"{place}/{run_id}".rstrip("/") + "?workflowType=machine_learning"


def probe_database(uri: str) -> None:
    """Connect once; a SQLite ledger's folder is made. MLflow itself would try ten times over minutes.

    Raises InputError where the database does not answer, or where `uri` is not one that can hold a ledger.
    """
    if uri.split(":", 1)[0].split("+", 1)[0] not in DATABASES:
        raise InputError(
            f"{without_password(uri)} cannot hold a ledger; set MLFLOW_TRACKING_URI to sqlite:///PATH, "
            "postgresql://…, or the http(s):// address of an MLflow server"
        )
    import sqlalchemy

    sqlite = uri.startswith("sqlite")
    try:
        if sqlite:
            sqlite_file(uri).parent.mkdir(parents=True, exist_ok=True)
        engine = sqlalchemy.create_engine(
            uri,
            poolclass=sqlalchemy.NullPool,
            connect_args={"timeout" if sqlite else "connect_timeout": ANSWER_SECONDS},
        )
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("PRAGMA schema_version" if sqlite else "SELECT 1"))
    except ModuleNotFoundError as error:
        raise InputError(
            f"the ledger {without_password(uri)} needs the package {error.name}; "
            "install launchgate with its extra: pip install 'launchgate[postgres]'"
        ) from error
    except (sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        cause = first_line(getattr(error, "orig", None) or error)
        raise InputError(
            f"the ledger {without_password(uri)} does not answer: {cause}; start it or correct MLFLOW_TRACKING_URI"
        ) from error


def sqlite_file(uri: str) -> Path:
    """Return the file of a SQLite ledger; InputError where `uri` names none."""
    import sqlalchemy

    database = sqlalchemy.make_url(uri).database
    if not database or database == ":memory:":
        raise InputError(
            f"{uri} forgets when the process ends; name a file, as in sqlite:////var/lib/launchgate/mlflow.db"
        )
    return Path(database).resolve()


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def root(error: BaseException) -> BaseException:
    """Return the error that the others were raised over."""
    while beneath := error.__cause__ or error.__context__:
        error = beneath
    return error


def first_line(error: BaseException) -> str:
    """Return what an error says first, its type where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
