"""`launchgate probe` against real servers: MLflow's scoring server, and MLServer for the Open Inference Protocol."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import yaml
from support.faulty_server import Server, running
from support.servers import free_ports, mlflow_server, oip_server
from support.tiny import POLICIES, tiny_rows, write_tiny

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.command import Command

RUNTIME = Path(__file__).parents[2] / "support" / "mlserver_runtime.py"
LONG_MS = 100_000  # no machine that runs tests is too slow for it
BUDGET = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the tiny candidate."""
    return write_tiny(tmp_path_factory.mktemp("candidates") / "tiny")


@pytest.fixture(scope="module")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of MLflow's scoring server with a classifier of texts that it logged."""
    import mlflow
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    folder, rows = tmp_path_factory.mktemp("mlflow"), tiny_rows(400)
    words = ColumnTransformer([("words", CountVectorizer(), "text")])
    model = make_pipeline(words, LogisticRegression()).fit(rows[["text"]], rows["label"])
    mlflow.sklearn.save_model(model, folder / "model")
    with mlflow_server(folder / "model", folder) as url:
        yield url


@pytest.fixture(scope="module")
def graph(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the tiny candidate's exported graph, in a folder with what belongs to it."""
    from tasks.candidate.folder import load_candidate
    from tasks.variants.export import export_model
    from tasks.variants.recipes import RECIPES

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAUNCHGATE_HOME", str(tmp_path_factory.mktemp("export")))
        candidate = load_candidate(tiny, RECIPES)
        return export_model(candidate, candidate.resolve(candidate.data.evaluation)).graphs["model"]


@pytest.fixture(scope="module")
def mlflow_graph_url(graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of MLflow's scoring server with the graph, which takes encoded inputs."""
    import mlflow
    import onnx

    folder = tmp_path_factory.mktemp("mlflow-graph")
    mlflow.onnx.save_model(onnx.load(graph), folder / "model")
    with mlflow_server(folder / "model", folder) as url:
        yield url


@pytest.fixture(scope="module")
def mlserver(tiny: Path, graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of an MLServer with two models: `words` takes the graph's inputs, `texts` the columns."""
    models = tmp_path_factory.mktemp("models")
    for name, kind, declared in (
        ("words", "Graph", {"name": "words", "datatype": "INT64", "shape": [-1, -1]}),
        ("texts", "Texts", {"name": "text", "datatype": "BYTES", "shape": [-1, 1]}),
    ):
        folder = models / name
        shutil.copytree(graph.parent, folder)
        (folder / graph.name).rename(folder / "model.onnx")
        for file in (RUNTIME, tiny / "adapter.py"):
            shutil.copy(file, folder)
        settings = {
            "name": name, "implementation": f"{RUNTIME.stem}.{kind}", "inputs": [declared],
            "parameters": {"uri": str(folder), "version": "1"},
        }  # fmt: skip
        (folder / "model-settings.json").write_text(json.dumps(settings))
    with oip_server(models, tmp_path_factory.mktemp("mlserver")) as url:
        yield url


def policy(path: Path, limit_ms: float, *, peak: float = 60, seconds: float = 1, **limits: float) -> Path:
    """Write the policy `selftest` with the same limit for every percentile but those in `limits`, and this load."""
    content = yaml.safe_load((POLICIES / "selftest.yaml").read_text(encoding="utf-8"))
    content["business"]["peak_per_second"], content["measure"]["load_seconds"] = peak, seconds
    content["gates"]["latency-slo"] |= dict.fromkeys(BUDGET, limit_ms) | {"hard_limit_ms": 2 * limit_ms} | limits
    path.write_text(yaml.safe_dump(content))
    return path


def probed(said: Any, home: Path) -> dict[str, Any]:
    """Return what `--json` printed, which is what was kept."""
    told = json.loads(said.out)
    (kept,) = home.glob("probes/*/probe.json")
    assert json.loads(kept.read_text()) == told
    for run in told["runs"]:
        assert len(pd.read_parquet(home / run["raw"]["path"])) == run["requests"] == run["answered"]
    return told


@pytest.mark.server
def test_a_server_within_its_budget_is_0(command: Command, home: Path, tiny: Path, tmp_path: Path) -> None:
    """Some 6,300 requests of the production sample at the policy's peak: as many as a 99th percentile takes, and no more."""
    bar = policy(tmp_path / "p.yaml", LONG_MS, peak=600, seconds=300)
    with running(Server(lambda _: "answer")) as url:
        said = command("probe", url, "--protocol", "mlflow", "--candidate", tiny, "--policy", bar, "--json")
    assert said.code == 0, said.out
    told = probed(said, home)
    assert told["requests"] == told["answered"] > 6000
    assert [each["q"] for each in told["percentiles"]] == [0.5, 0.9, 0.95, 0.99, 0.999, 1]
    assert [each["limit_ms"] for each in told["percentiles"]] == [*[LONG_MS] * 4, None, None]
    seen = [each["ms"] for each in told["percentiles"]]
    assert seen == sorted(seen)
    assert all(each["low_ms"] <= each["ms"] <= each["high_ms"] for each in told["percentiles"][:4])
    assert told["result"]["outcome"] == "pass"
    assert [run["rate"] for run in told["runs"]] == [600]


@pytest.mark.server
def test_a_served_mlflow_model_gets_the_columns(
    command: Command, home: Path, mlflow_url: str, tiny: Path, tmp_path: Path
) -> None:
    """Each request is answered; as few as these say nothing of a 99th percentile, which is no pass."""
    bar = policy(tmp_path / "p.yaml", LONG_MS)
    said = command("probe", mlflow_url, "--protocol", "mlflow", "--candidate", tiny, "--policy", bar, "--json")
    assert said.code == 1, said.out
    told = probed(said, home)
    assert told["endpoint"]["server"].startswith("mlflow 3.")
    assert told["endpoint"]["inputs"] == "columns"
    assert told["requests"] == told["answered"] > 100
    assert told["result"]["outcome"] == "inconclusive"


@pytest.mark.server
def test_a_budget_that_no_server_keeps_is_1(command: Command, home: Path, mlflow_url: str, tmp_path: Path) -> None:
    """One look tells; the table, the counts and one sentence are on standard output. Rows of a file need no candidate."""
    rows = tmp_path / "rows.parquet"
    tiny_rows(50)[["text"]].to_parquet(rows)
    said = command(
        "probe", mlflow_url, "--protocol", "mlflow", "--rows", rows, "--rate", "60", "--seconds", "2",
        "--policy", policy(tmp_path / "p.yaml", LONG_MS, p50_ms=0.001),
    )  # fmt: skip
    assert (said.code, said.err) == (1, "")
    (run,) = json.loads(next(home.glob("probes/*/probe.json")).read_text())["runs"]
    assert f"{run['requests']} answered, 0 not" in said.out
    percentiles = said.out.split("response, ms", 1)[1].splitlines()[1:7]
    assert [line.split()[0] for line in percentiles] == ["p50", "p90", "p95", "p99", "p99.9", "largest"]
    assert said.out.startswith("✗ latency-slo: fail\n")
    assert "over the limit of 0.001 ms; find what requests wait for in the server" in " ".join(said.out.split())


@pytest.mark.server
def test_a_served_mlflow_graph_gets_encoded_inputs(
    command: Command, home: Path, mlflow_graph_url: str, tiny: Path, tmp_path: Path
) -> None:
    """Where they are asked for, since MLflow's server does not say what it takes; it refuses the columns."""
    common = ("probe", mlflow_graph_url, "--protocol", "mlflow", "--candidate", tiny, "--rate", "100", "--seconds", "1")
    bar = policy(tmp_path / "p.yaml", LONG_MS)
    assert "none of the first 10 requests got a good answer" in command.refuses(*common, "--policy", bar)
    shutil.rmtree(home)
    said = command(*common, "--policy", bar, "--inputs", "encoded", "--json")
    assert said.code == 1, said.err
    told = probed(said, home)
    assert told["endpoint"]["inputs"] == "encoded"
    assert told["requests"] == told["answered"] > 200


@pytest.mark.server
@pytest.mark.parametrize(("model", "held"), [("words", "encoded"), ("texts", "columns")])
def test_a_served_graph_gets_what_it_declares(
    command: Command, home: Path, mlserver: str, tiny: Path, tmp_path: Path, model: str, held: str
) -> None:
    """Encoded inputs or columns over the Open Inference Protocol, of a version or of whichever is there."""
    said = command(
        "probe", mlserver, "--protocol", "oip", "--model", model, "--candidate", tiny, "--rate", "100", "--seconds", "1",
        "--policy", policy(tmp_path / "p.yaml", LONG_MS), "--json", "--version", "1",
    )  # fmt: skip
    assert said.code == 1, said.err
    told = probed(said, home)
    assert told["endpoint"]["server"] == "mlserver 1.7.1"
    assert (told["endpoint"]["inputs"], told["endpoint"]["version"]) == (held, "1")
    assert told["result"]["outcome"] == "inconclusive"
    assert len(told["runs"]) == 2
    assert told["requests"] == told["answered"] > 200


@pytest.mark.server
def test_what_an_open_inference_server_refuses_is_2(
    command: Command, mlserver: str, tiny: Path, tmp_path: Path
) -> None:
    """A model that it lacks, inputs that it does not take, and requests that it answers with an error."""
    common = ("probe", mlserver, "--protocol", "oip", "--candidate", tiny)
    said = command.refuses(*common, "--model", "nothere")
    assert said.startswith(f"{mlserver} has no model nothere: it answers 404 to GET")
    other = tmp_path / "other.parquet"
    pd.DataFrame({"pixels": [0.5]}).to_parquet(other)
    said = command.refuses(
        "probe", mlserver, "--protocol", "oip", "--model", "words", "--rows", other, "--policy", "selftest"
    )
    assert said == (
        "the server's model takes words (INT64), which a request can't hold (columns: pixels (FP64)); give rows or a "
        "candidate that have it"
    )
    wrong = tmp_path / "wrong.parquet"
    pd.DataFrame({"words": ["w1 w2"]}).to_parquet(wrong)
    said = command.refuses(
        "probe", mlserver, "--protocol", "oip", "--model", "words", "--rows", wrong, "--inputs", "columns"
    )
    assert "none of the first 1 requests got a good answer, so there is nothing to put under load: " in said


def test_a_probe_that_cannot_be_carried_out_is_2(command: Command, tiny: Path) -> None:
    """No server, no rows, no model's name, no header: each in one sentence."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    said = command.refuses("probe", url, "--protocol", "mlflow", "--candidate", tiny)
    assert said.startswith(f"the server at {url} is not ready: ")
    assert said.endswith(f"(GET {url}/ping)")
    assert "name a --candidate, or a table with --rows" in command.refuses("probe", url, "--protocol", "mlflow")
    assert "name one with --model" in command.refuses("probe", url, "--protocol", "oip", "--candidate", tiny)
    assert "the header 'token' has no name; give it as 'Name: value'" in command.refuses(
        "probe", url, "--protocol", "mlflow", "--candidate", tiny, "--header", "token"
    )
    assert "invalid value for '--protocol'" in command.refuses("probe", url, "--protocol", "grpc")
