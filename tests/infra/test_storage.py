"""Logs in local folders and on a real S3 server, the faults between them and the sampler, and what is said of each."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.servers import free_ports

from infra.storage import check, open_log
from tasks.core.errors import InputError, StageError
from tasks.core.records import Columns
from tasks.core.settings import Sampling
from tasks.data.sampling import draw_sample
from tasks.data.sampling.log import LogFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.servers import S3Server

    from tasks.evidence import SampleEvidence

COLUMNS = Columns(id="id", time="ts", label="label", input=("text",), status="status")
AS_OF = datetime(2026, 3, 8, tzinfo=UTC)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Leave the process without any AWS setting of the machine it runs on."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def use(aws: pytest.MonkeyPatch, server: S3Server) -> None:
    """Set the environment to the server and its user."""
    for name, value in server.environment().items():
        aws.setenv(name, value)


@pytest.fixture(scope="module")
def log(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a local log whose copy is `s3://logs/production`, with neighbours that are not part of it."""
    folder = tmp_path_factory.mktemp("log")
    lines = b"".join(
        b'{"id": "j%d", "ts": "2026-03-07T01:00:00Z", "text": "line %d", "label": 1, "status": "ok"}\n' % (i, i)
        for i in range(30_000)
    )
    columns = {
        "id": [None, *(f"p{i}" for i in range(50_000))],
        "text": [f"some longer text {i}" for i in range(50_001)],
    }
    table = pa.table(columns | {"ts": [AS_OF] * 50_001, "label": [0] * 50_001, "status": ["ok"] * 50_001})
    for name in ("dt=2026-03-07/a.jsonl", "dt=2026-03-08/b.parquet", "empty.jsonl", "_SUCCESS", "notes/read me.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(lines if name.endswith("a.jsonl") else b"")
    pq.write_table(table, folder / "dt=2026-03-08/b.parquet", row_group_size=20_000)
    client = s3.client()
    client.create_bucket(Bucket="logs")
    for path in folder.rglob("*.*"):
        client.upload_file(str(path), "logs", f"production/{path.relative_to(folder).as_posix()}")
    client.put_object(Bucket="logs", Key="production-old/c.jsonl", Body=b"{}")
    client.put_object(Bucket="logs", Key="production/_SUCCESS", Body=b"")
    return folder


def sample(address: str, out: Path) -> SampleEvidence:
    """Draw 2,000 requests of the log at the address."""
    return draw_sample(
        open_log(address),
        COLUMNS,
        Sampling(rows=2_000, rows_per_slice=0, window_days=7, stale_after_hours=24, seed=5),
        AS_OF,
        out,
    )


@contextmanager
def cutting_proxy(target: str, cut_bytes: int, cuts: int) -> Iterator[str]:
    """Yield the address of a proxy that breaks off its first `cuts` connections after `cut_bytes` of the answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    left = iter([cut_bytes] * cuts)
    host, port = urlsplit(target).hostname, urlsplit(target).port
    assert host
    assert port

    def pump(source: socket.socket, sink: socket.socket, limit: float) -> None:
        try:
            while limit > 0 and (data := source.recv(min(65_536, int(min(limit, 65_536))))):
                sink.sendall(data)
                limit -= len(data)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection((host, port))
            threading.Thread(target=pump, args=(near, far, float("inf")), daemon=True).start()
            threading.Thread(target=pump, args=(far, near, next(left, float("inf"))), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.server
def test_the_same_log_gives_the_same_sample_from_s3_and_from_a_folder(
    s3: S3Server, log: Path, aws: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Byte for byte, rows without id included; all that differs in the evidence is the address."""
    use(aws, s3)
    local = sample(str(log), tmp_path / "local" / "sample.parquet")
    remote = sample("s3://logs/production", tmp_path / "remote" / "sample.parquet")
    assert (tmp_path / "local/sample.parquet").read_bytes() == (tmp_path / "remote/sample.parquet").read_bytes()
    assert remote == local.model_copy(update={"source": "s3://logs/production"})
    assert (remote.rows, remote.log_rows, remote.log_files) == (2_000, 80_001, 3)


@pytest.mark.server
def test_files_are_the_same_by_name_and_size_wherever_the_log_lies(
    s3: S3Server, log: Path, aws: pytest.MonkeyPatch
) -> None:
    """A prefix is a folder, with or without its last slash: neither a neighbour's nor hidden files are listed."""
    use(aws, s3)
    names = ["dt=2026-03-07/a.jsonl", "dt=2026-03-08/b.parquet", "empty.jsonl", "notes/read me.txt"]
    local = open_log(str(log)).files()
    assert [file.name for file in local] == names
    for address in ("s3://logs/production", "s3://logs/production/"):
        assert [file[:2] for file in open_log(address).files()] == [file[:2] for file in local]
    everything = [file.name for file in open_log("s3://logs").files()]
    assert everything == sorted(["production-old/c.jsonl", *(f"production/{name}" for name in names)])


@pytest.mark.server
def test_more_objects_than_a_page_holds_are_all_listed(s3: S3Server, aws: pytest.MonkeyPatch) -> None:
    """1,050 objects take two pages of a listing."""
    use(aws, s3)
    client = s3.client(max_pool_connections=16)
    client.create_bucket(Bucket="pages")
    names = [f"dt=2026-03-07/{i:04d}.jsonl" for i in range(1_050)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: client.put_object(Bucket="pages", Key=name, Body=b"{}"), names))
    assert [file.name for file in open_log("s3://pages").files()] == names


@pytest.mark.server
def test_a_read_that_breaks_off_resumes_where_it_broke(
    s3: S3Server, log: Path, aws: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Connections cut in the middle of an answer change nothing in the sample."""
    whole = sample(str(log), tmp_path / "sample.parquet")
    with cutting_proxy(s3.endpoint, cut_bytes=300_000, cuts=6) as endpoint:
        use(aws, s3)
        aws.setenv("AWS_ENDPOINT_URL", endpoint)
        assert sample("s3://logs/production", tmp_path / "sample.parquet").raw == whole.raw


@pytest.mark.server
@pytest.mark.usefixtures("log")
def test_a_network_that_stays_broken_is_a_fault_of_the_stage(
    s3: S3Server, aws: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is neither taken for corrupt files nor retried for ever; the listing still came through."""
    use(aws, s3)
    files = open_log("s3://logs/production").files()
    with cutting_proxy(s3.endpoint, cut_bytes=10, cuts=10_000) as endpoint:
        aws.setenv("AWS_ENDPOINT_URL", endpoint)
        remote = open_log("s3://logs/production")
        aws.setattr(remote, "files", lambda: [file for file in files if file.name.endswith(".parquet")])
        with pytest.raises(StageError, match=rf"b\.parquet can't be read: {endpoint} does not answer"):
            draw_sample(
                remote,
                COLUMNS,
                Sampling(rows=9, rows_per_slice=0, window_days=7, stale_after_hours=24, seed=5),
                AS_OF,
                tmp_path / "s.parquet",
            )


@pytest.mark.server
def test_an_object_that_was_replaced_after_the_listing_is_not_mixed_up(s3: S3Server, aws: pytest.MonkeyPatch) -> None:
    """Reading asks for the version that was listed."""
    use(aws, s3)
    client = s3.client()
    client.create_bucket(Bucket="moving")
    client.put_object(Bucket="moving", Key="a.jsonl", Body=b'{"id": 1}\n')
    source = open_log("s3://moving")
    (file,) = source.files()
    client.put_object(Bucket="moving", Key="a.jsonl", Body=b'{"id": 2}\n')
    with pytest.raises(InputError, match=r"s3://moving/a\.jsonl .* the object was replaced while it was read"):
        source.open(file).read(5)


@pytest.mark.server
def test_an_object_reads_and_seeks_as_a_file_does(s3: S3Server, log: Path, aws: pytest.MonkeyPatch) -> None:
    """Ranges anywhere give the bytes of the local file, and the end gives none."""
    use(aws, s3)
    source = open_log("s3://logs/production")
    data = (log / "dt=2026-03-07/a.jsonl").read_bytes()
    with source.open(source.files()[0]) as stream:
        assert stream.seekable()
        assert stream.read(10) == data[:10]
        assert stream.seek(-7, os.SEEK_END) == len(data) - 7
        assert stream.read(100) == data[-7:]
        assert stream.read(1) == b""
        stream.seek(1_000)
        stream.seek(500, os.SEEK_CUR)
        assert (stream.read(20), stream.tell()) == (data[1_500:1_520], 1_520)
    with source.open(LogFile("empty.jsonl", 0, "")) as stream:
        assert stream.read(10) == b""


@pytest.mark.server
def test_check_passes_a_log_that_can_be_read(s3: S3Server, log: Path, aws: pytest.MonkeyPatch) -> None:
    """On S3 and in a folder, where it is the same log before and after."""
    use(aws, s3)
    before = [[(file.name, file.version) for file in open_log(at).files()] for at in ("s3://logs/production", str(log))]
    check("s3://logs/production")
    check(str(log))
    after = [[(file.name, file.version) for file in open_log(at).files()] for at in ("s3://logs/production", str(log))]
    assert before == after
    assert [name for name, _ in after[0]] == [name for name, _ in after[1]] != []


@pytest.mark.server
@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("s3://missing/production", "the bucket does not exist"),
        ("s3://logs/elsewhere", "s3://logs/elsewhere holds no prediction log"),
        ("s3://No_Bucket!/x", "the address or an AWS setting has a mistake"),
    ],
)
@pytest.mark.usefixtures("log")
def test_check_refuses_an_address_without_a_log(s3: S3Server, aws: pytest.MonkeyPatch, address: str, says: str) -> None:
    """The error says what is missing there."""
    use(aws, s3)
    with pytest.raises(InputError, match=says):
        check(address)


@pytest.mark.server
@pytest.mark.parametrize(
    ("user", "secret", "says"),
    [
        ("outsider", "outsider-secret", "these credentials may not read it"),
        ("admin", "wrong", "the secret key does not belong to the access key"),
        ("nobody", "wrong", "the endpoint does not know this access key"),
    ],
)
@pytest.mark.usefixtures("log")
def test_check_refuses_credentials_that_may_not_read(
    s3: S3Server, aws: pytest.MonkeyPatch, user: str, secret: str, says: str
) -> None:
    """A user without rights, a wrong secret and an unknown user each get their own sentence."""
    use(aws, s3)
    aws.setenv("AWS_ACCESS_KEY_ID", user)
    aws.setenv("AWS_SECRET_ACCESS_KEY", secret)
    with pytest.raises(InputError, match=f"s3://logs/production can't be read from {s3.endpoint}: {says}"):
        check("s3://logs/production")


def test_check_refuses_an_endpoint_that_does_not_answer(aws: pytest.MonkeyPatch) -> None:
    """Nothing listens there: a user's mistake before work starts, after few tries."""
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    aws.setenv("AWS_ENDPOINT_URL", endpoint)
    aws.setenv("AWS_ACCESS_KEY_ID", "a")
    aws.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(InputError, match=rf"{endpoint} does not answer \(EndpointConnectionError\)"):
        check("s3://logs/production")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "there are no AWS credentials; set AWS_ACCESS_KEY_ID"),
        ({"AWS_PROFILE": "nobody"}, r"an AWS setting has a mistake: .*nobody"),
        ({"AWS_ENDPOINT_URL": "no address"}, "an AWS setting has a mistake: Invalid endpoint"),
    ],
)
def test_check_refuses_settings_that_lead_nowhere(aws: pytest.MonkeyPatch, settings: dict[str, str], says: str) -> None:
    """Missing credentials, an unknown profile and a malformed endpoint are told apart."""
    for name, value in settings.items():
        aws.setenv(name, value)
    with pytest.raises(InputError, match=says):
        check("s3://logs/production")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("missing", "folder .*missing does not exist"),
        ("file.jsonl", r"folder .*file\.jsonl is a file; give the folder that holds it"),
        ("folder", r"folder holds no prediction log: there is no file with an ending \.jsonl"),
    ],
)
def test_check_refuses_a_path_without_a_log(tmp_path: Path, address: str, says: str) -> None:
    """A missing folder, a file, and a folder with other files are told apart."""
    (tmp_path / "file.jsonl").write_bytes(b"{}")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_bytes(b"")
    with pytest.raises(InputError, match=says):
        check(str(tmp_path / address))


@pytest.mark.parametrize("address", ["s3://", "s3:///production", "gs://bucket/production"])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    """The error shows how an address is written."""
    with pytest.raises(InputError, match="s3://bucket/prefix"):
        open_log(address)


def test_a_file_that_vanishes_after_the_listing_is_named(tmp_path: Path) -> None:
    """The error says which one."""
    (tmp_path / "a.jsonl").write_bytes(b"{}")
    source = open_log(str(tmp_path))
    (file,) = source.files()
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(InputError, match=r"can't be read: .*a\.jsonl: No such file"):
        source.open(file)
