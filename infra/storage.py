"""Where prediction logs lie: local folders, and S3 buckets at any endpoint the standard AWS settings name."""

from __future__ import annotations

import io
import os
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore import exceptions as aws
from botocore.config import Config

from tasks.core.errors import InputError, StageError
from tasks.core.records import S3
from tasks.data.sampling.log import FORMATS, LogFile, is_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

SETTINGS = Config(
    connect_timeout=3,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 3},
    response_checksum_validation="when_required",  # a range has no checksum of its own
)
FAULTS_IN_A_ROW = 4
FIRST_PAUSE_SECONDS = 0.1
RECEIVE_BYTES = 256 << 10
SERVER_ERROR = 500
HIDDEN = (".", "_")  # how writers mark what is not, or not yet, part of a data set

NETWORK_FAULTS = (aws.HTTPClientError, aws.ConnectionError, aws.IncompleteReadError)
NO_CREDENTIALS = (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)
REFUSALS = {
    "NoSuchBucket": "the bucket does not exist",
    "AccessDenied": "these credentials may not read it",
    "InvalidAccessKeyId": "the endpoint does not know this access key",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key",
    "ExpiredToken": "the credentials have expired",
    "PreconditionFailed": "the object was replaced while it was read",
    "NoSuchKey": "the object was deleted while it was read",
}


class LocalLog:
    """The files of a folder and of its sub-folders; their version is their size and time of change."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self._folder = folder

    def walk(self) -> Iterator[LogFile]:
        """Yield the files in no particular order, hidden ones left out."""
        for folder, folders, names in os.walk(self._folder, onerror=self._refuse):
            folders[:] = [name for name in folders if not name.startswith(HIDDEN)]
            for name in names:
                path = Path(folder, name)
                if not name.startswith(HIDDEN) and path.is_file():
                    state = path.stat()
                    version = f"{state.st_size}-{state.st_mtime_ns}"
                    yield LogFile(path.relative_to(self._folder).as_posix(), state.st_size, version)

    def files(self) -> list[LogFile]:
        """Return the files sorted by name."""
        return sorted(self.walk())

    def open(self, file: LogFile) -> io.RawIOBase:
        """Open a file of the log; raises InputError where it can't be read."""
        try:
            return (self._folder / file.name).open("rb", buffering=0)
        except OSError as error:
            self._refuse(error)
            raise

    def _refuse(self, error: OSError) -> None:
        raise InputError(
            f"the prediction log in {self.address} can't be read: {error.filename}: {error.strerror}"
        ) from error


class S3Log:
    """The objects of a bucket under a prefix, which is taken as a folder; their version is their ETag."""

    def __init__(self, address: str, bucket: str, prefix: str) -> None:
        self.address = address
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        try:
            with _explained(address):
                # boto3's default session would keep the credentials of the first call for the life of the process.
                self._client: Any = boto3.Session().client("s3", config=SETTINGS)
        except ValueError as error:
            raise InputError(f"{address} can't be read: an AWS setting has a mistake: {error}") from error

    def walk(self) -> Iterator[LogFile]:
        """Yield the objects page by page, hidden ones left out; raises InputError where the bucket can't be listed."""
        with _explained(self.address):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
            for page in pages:
                for item in page.get("Contents", ()):
                    name = item["Key"].removeprefix(self._prefix)
                    hidden = any(part.startswith(HIDDEN) for part in name.split("/"))
                    if not hidden and not name.endswith("/"):
                        yield LogFile(name, item["Size"], item["ETag"])

    def files(self) -> list[LogFile]:
        """Return the objects sorted by name; raises InputError where the bucket can't be listed."""
        return sorted(self.walk())

    def open(self, file: LogFile) -> io.RawIOBase:
        """Open an object of the log; nothing is fetched before the first read."""
        return S3Object(self._client, self._bucket, self._prefix, file)


class S3Object(io.RawIOBase):
    """One version of an object; each read fetches the range asked for, and after a network fault only what is left."""

    def __init__(self, client: Any, bucket: str, prefix: str, file: LogFile) -> None:
        super().__init__()
        self._client = client
        self._asked = {"Bucket": bucket, "Key": prefix + file.name, "IfMatch": file.version}
        self._address = f"{S3}{bucket}/{prefix}{file.name}"
        self._size = file.size_bytes
        self._position = 0

    def readable(self) -> bool:
        """Say that it reads."""
        return True

    def seekable(self) -> bool:
        """Say that it seeks."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move without fetching anything."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer, short only at the object's end; raises StageError where the network stays broken."""
        view = memoryview(buffer).cast("B")
        view = view[: max(0, self._size - self._position)]
        filled = faults = 0
        while filled < len(view):
            before = filled
            try:
                with _explained(self._address):
                    for received in self._receive(self._position + filled, len(view) - filled):
                        view[filled : filled + len(received)] = received
                        filled += len(received)
                if filled == before:
                    raise StageError(f"{self._address} can't be read: the S3 endpoint sends no bytes")  # noqa: TRY301
            except StageError:
                faults = 0 if filled > before else faults + 1
                if faults == FAULTS_IN_A_ROW:
                    raise
                time.sleep(FIRST_PAUSE_SECONDS * 2**faults)
        self._position += filled
        return filled

    def _receive(self, start: int, count: int) -> Iterator[bytes]:
        answer = self._client.get_object(**self._asked, Range=f"bytes={start}-{start + count - 1}")
        with closing(answer["Body"]) as body:
            yield from iter(lambda: body.read(RECEIVE_BYTES), b"")


def open_log(address: str) -> LocalLog | S3Log:
    """Return the log at a local folder or `s3://bucket/prefix`, without reading anything of it yet.

    S3 takes endpoint, region and credentials from the AWS environment variables and files (AWS_ENDPOINT_URL, ...).
    Raises InputError where the folder is missing or the address is none.
    """
    if address.startswith(S3):
        bucket, _, prefix = address.removeprefix(S3).partition("/")
        if not bucket:
            raise InputError(f"the address '{address}' names no bucket; write it as s3://bucket/prefix")
        return S3Log(address, bucket, prefix)
    if "://" in address:
        raise InputError(f"the address '{address}' is neither a local folder nor s3://bucket/prefix")
    folder = Path(address)
    if not folder.is_dir():
        why = "is a file; give the folder that holds it" if folder.exists() else "does not exist"
        raise InputError(f"the prediction log's folder {address} {why}")
    return LocalLog(address, folder)


def check(address: str) -> None:
    """Raise InputError unless there is a log at the address of which one byte of one file can be read now."""
    log = open_log(address)
    try:
        found = next((file for file in log.walk() if is_log(file.name)), None)
        if found is None:
            raise InputError(f"{address} holds no prediction log: there is no file with an ending {', '.join(FORMATS)}")
        with log.open(found) as stream:
            stream.read(1)
    except StageError as error:
        raise InputError(str(error)) from error


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """Turn what boto3 raises into one sentence: InputError for what a user can set right, else StageError."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "the S3 endpoint"
    try:
        yield
    except aws.ClientError as error:
        raise _refused(error, address, endpoint) from error
    except NO_CREDENTIALS as error:
        raise InputError(
            f"{address} can't be read: there are no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or"
            " AWS_PROFILE"
        ) from error
    except NETWORK_FAULTS as error:
        raise StageError(
            f"{address} can't be read: {endpoint} does not answer ({type(error).__name__}); check AWS_ENDPOINT_URL and"
            " the network"
        ) from error
    except aws.BotoCoreError as error:
        raise InputError(f"{address} can't be read: the address or an AWS setting has a mistake: {error}") from error


def _refused(error: aws.ClientError, address: str, endpoint: str) -> InputError | StageError:
    code = error.response["Error"].get("Code", "unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    reason = REFUSALS.get(code, f"S3 answers {code}: {error.response['Error'].get('Message', '')}")
    if status >= SERVER_ERROR:
        return StageError(f"{address} can't be read from {endpoint}: {reason}; try again later")
    return InputError(f"{address} can't be read from {endpoint}: {reason}; check the address and the AWS credentials")
