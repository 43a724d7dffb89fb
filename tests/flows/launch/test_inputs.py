"""What is wrong before a launch: one clear message, exit status 2, nothing measured and nothing recorded."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.tiny import POLICIES, quick_policy, write_settings, write_tiny

if TYPE_CHECKING:
    from support.command import Command
    from support.servers import S3Server


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return a tiny candidate that launches as it stands."""
    return write_tiny(tmp_path / "tiny")


class Bomb:
    """An object whose unpickling writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_folder_that_is_not_there_is_named(command: Command, tmp_path: Path) -> None:
    """A candidate folder that does not exist is named with its whole path, and what to do."""
    said = command.refuses("launch", tmp_path / "nothere")
    assert str(tmp_path / "nothere") in said
    assert "launchgate init NAME" in said


def test_a_folder_without_candidate_yaml_is_refused(command: Command, tmp_path: Path) -> None:
    """A folder without candidate.yaml is no candidate."""
    assert "has no candidate.yaml" in command.refuses("launch", tmp_path)


def test_json_leaves_standard_output_empty_when_inputs_are_wrong(command: Command, tmp_path: Path) -> None:
    """With --json too, a mistake is told on standard error, and standard output stays empty for the program that reads it."""
    assert "nothere" in command.refuses("launch", tmp_path / "nothere", "--json")


def test_every_mistake_of_candidate_yaml_is_told_at_once_with_its_line(command: Command, tiny: Path) -> None:
    """Unknown keys, missing keys, wrong values and missing files come in one message, a line each, known keys listed."""
    path = tiny / "candidate.yaml"
    lines = path.read_text().splitlines()
    lines[lines.index("task: classification")] = "task: clasification"
    text = "\n".join(lines).replace("data/evaluation.parquet", "data/evalution.parquet")
    text = text.replace("  status: status\n", "").replace("- int8-static", "- int4")
    path.write_text(text + "\npolcy: standard\n")
    said = command.refuses("launch", tiny).splitlines()
    numbers = [int(line.removeprefix(f"{path}:").split(":")[0]) for line in said]
    written = path.read_text().splitlines()
    told = {written[number - 1].strip().split(":")[0]: line for number, line in zip(numbers, said, strict=True)}
    assert set(told) == {"task", "evaluation", "columns", "variants", "polcy"}
    assert "'classification'" in told["task"]
    assert f"{tiny}/data/evalution.parquet" in told["evaluation"]
    assert "columns.status: this key is missing" in told["columns"]
    assert "int4" in told["variants"]
    assert "fp32, int8-dynamic, int8-static, fp16" in told["variants"]
    assert (
        "unknown key; known here: adapter, checkpoint, columns, data, lock, name, policy, task, variants"
        in told["polcy"]
    )


def test_an_unknown_key_of_a_nested_part_lists_the_keys_known_there(command: Command, tiny: Path) -> None:
    """The keys listed are those of the part that the unknown one stands in."""
    path = tiny / "candidate.yaml"
    path.write_text(path.read_text().replace("  as_of:", "  asof:"))
    said = command.refuses("launch", tiny)
    assert "data.asof: unknown key; known here: as_of, calibration, evaluation, production" in said


def test_a_key_that_stands_twice_is_refused(command: Command, tiny: Path) -> None:
    """YAML would take the last of two; a bar that someone believes in could be the first."""
    path = tiny / "candidate.yaml"
    path.write_text(path.read_text() + "name: other\n")
    last = len(path.read_text().splitlines())
    assert command.refuses("launch", tiny) == f"{path}:{last}: name: this key stands twice; keep one"


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("a: [1\nb: 2\n", "candidate.yaml:2: this is not YAML"),
        ("- a\n- b\n", "holds a list, not a mapping of keys"),
        ("", "holds nothing, not a mapping of keys"),
        ("name: !!python/object/apply:os.system ['touch hit']\n", "candidate.yaml:1"),
        (b"name: \xff\xfe\n", "cannot be read"),
        ("? {a: 1}\n: 2\n", "candidate.yaml:1"),
    ],
)
def test_a_file_that_is_no_yaml_mapping_is_refused(
    command: Command, tiny: Path, content: str | bytes, wanted: str
) -> None:
    """Broken YAML, lists, nothing, Python objects and other encodings are each one message with the line."""
    (tiny / "candidate.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert wanted in command.refuses("launch", tiny)


def test_weights_with_another_checksum_are_refused(command: Command, tiny: Path) -> None:
    """Weights that are not the ones named are refused with both digests."""
    with (tiny / "weights.safetensors").open("ab") as stream:
        stream.write(b"x")
    wanted = yaml.safe_load((tiny / "candidate.yaml").read_text())["checkpoint"]["sha256"]
    said = command.refuses("launch", tiny)
    assert wanted in said
    assert "weights.safetensors have SHA-256" in said


def test_weights_that_are_missing_are_named(command: Command, tiny: Path) -> None:
    """A missing checkpoint is named, with the hint at prepare.py."""
    (tiny / "weights.safetensors").unlink()
    said = command.refuses("launch", tiny)
    assert f"{tiny}/weights.safetensors is not there" in said
    assert "prepare.py" in said


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "name", ["weights.pt", "weights.bin", "weights.pkl", "weights", "weights.safetensors", "weights.npy"]
)
def test_a_pickle_from_a_stranger_is_refused_and_never_loaded(
    command: Command, tiny: Path, name: str, protocol: int
) -> None:
    """Whatever its name, a checkpoint that would run code is refused with the reason, and its code has not run."""
    (tiny / "weights.safetensors").unlink()
    (tiny / name).write_bytes(pickle.dumps(Bomb(tiny / "exploded"), protocol=protocol))
    write_settings(tiny, weights=name)
    said = command.refuses("launch", tiny)
    assert f"the checkpoint file {tiny / name} is refused: " in said
    assert "save the weights with safetensors" in said
    assert not (tiny / "exploded").exists()


def test_a_whole_pickled_torch_model_is_refused_and_never_loaded(command: Command, tiny: Path) -> None:
    """torch.save of more than tensors needs a loader that runs code, so it is refused."""
    import torch

    torch.save({"weights": torch.zeros(2), "more": Bomb(tiny / "exploded")}, tiny / "weights.pt")
    write_settings(tiny, weights="weights.pt")
    assert "it is a pickle that can run code when loaded" in command.refuses("launch", tiny)
    assert not (tiny / "exploded").exists()


def test_a_pickle_in_a_checkpoint_folder_is_found(command: Command, tiny: Path) -> None:
    """Every file of a checkpoint folder is looked into, however deep."""
    deep = tiny / "weights" / "optimizer"
    deep.mkdir(parents=True)
    (tiny / "weights.safetensors").rename(tiny / "weights" / "model.safetensors")
    (deep / "state.bin").write_bytes(pickle.dumps(Bomb(tiny / "exploded")))
    write_settings(tiny, weights="weights")
    assert str(deep / "state.bin") in command.refuses("launch", tiny)
    assert not (tiny / "exploded").exists()


def test_an_adapter_that_raises_at_import_is_named_with_its_line(command: Command, tiny: Path) -> None:
    """The message gives file, line, error and what to do; nothing is measured."""
    text = (tiny / "adapter.py").read_text()
    (tiny / "adapter.py").write_text(text + "\nraise KeyError('no vocabulary')\n")
    last = len(text.splitlines()) + 2
    said = command.refuses("launch", tiny)
    assert said.startswith(f"{tiny}/adapter.py:{last}: the adapter cannot be imported: KeyError: 'no vocabulary'")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("def build(:\n", "adapter.py:1: the adapter cannot be imported: SyntaxError"),
        (
            "import a_module_nobody_has\n",
            "ModuleNotFoundError: No module named 'a_module_nobody_has'; mend it, or install",
        ),
        ("raise SystemExit(0)\n", "the adapter cannot be imported: SystemExit"),
        ("def build(checkpoint): ...\n", "defines no encode and no decode"),
    ],
)
def test_an_adapter_without_its_functions_is_refused(command: Command, tiny: Path, text: str, wanted: str) -> None:
    """Syntax errors, missing libraries, an exit at import and missing functions are the adapter's mistakes, told as such."""
    (tiny / "adapter.py").write_text(text)
    assert wanted in command.refuses("launch", tiny)


def test_a_set_that_lacks_a_column_is_refused_with_the_columns_it_has(command: Command, tiny: Path) -> None:
    """An evaluation set without its label column says which columns there are."""
    write_settings(tiny, {"columns": {
        "id": "request_id", "time": "ts", "label": "truth", "input": ["text"], "status": "status",
    }})  # fmt: skip
    said = command.refuses("launch", tiny)
    assert "lacks the column truth; it has request_id, text, label" in said


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("evaluation.txt", "is no table that launchgate reads"), ("evaluation.parquet", "cannot be read as")],
)
def test_a_set_that_is_no_table_is_refused(command: Command, tiny: Path, name: str, wanted: str) -> None:
    """A set of another format, or a broken one, is refused before anything is measured."""
    (tiny / "data" / name).write_text("hello")
    text = (tiny / "candidate.yaml").read_text()
    (tiny / "candidate.yaml").write_text(text.replace("evaluation.parquet", name))
    assert wanted in command.refuses("launch", tiny)


def test_a_production_folder_without_a_log_is_refused(command: Command, tiny: Path) -> None:
    """A folder with no file of a log's format is told with the formats there are."""
    for path in (tiny / "data" / "log").rglob("requests*"):
        path.unlink()
    said = command.refuses("launch", tiny)
    assert "holds no prediction log" in said
    assert ".jsonl.gz" in said


def test_an_unknown_policy_lists_the_known_ones(command: Command, tiny: Path) -> None:
    """A policy that is not there is refused, and those that are there are named."""
    said = command.refuses("launch", tiny, "--policy", "strict")
    assert "policy 'strict' was not found" in said
    assert "selftest, standard" in said


def test_a_policy_with_a_gate_left_out_is_refused(command: Command, tiny: Path, tmp_path: Path) -> None:
    """A gate that is not named would not hold anything back, so none may be left out."""
    policy = yaml.safe_load((POLICIES / "selftest.yaml").read_text())
    del policy["gates"]["memory-leak"], policy["gates"]["unit-cost"]["severity"]
    policy["gates"]["latency"] = {"severity": "block"}
    path = tmp_path / "loose.yaml"
    path.write_text(yaml.safe_dump(policy, sort_keys=False))
    said = command.refuses("launch", tiny, "--policy", path).splitlines()
    assert any("gates.memory-leak: this key is missing" in line for line in said)
    assert any("gates.unit-cost.severity: this key is missing" in line for line in said)
    assert any("gates.latency: unknown key; known here: batch-invariance, batch-profile" in line for line in said)
    assert len(said) == 3


def test_a_policy_in_which_nothing_blocks_is_refused(command: Command, tiny: Path, tmp_path: Path) -> None:
    """A policy whose every gate only warns would pass every model."""
    path = quick_policy(tmp_path / "warns.yaml", block=())
    assert "no gate blocks" in command.refuses("launch", tiny, "--policy", path)


def test_an_unknown_machine_lists_the_known_ones(command: Command, tiny: Path, tmp_path: Path) -> None:
    """A machine without a price is refused before an hour of measuring, not at the end."""
    path = quick_policy(tmp_path / "machine.yaml")
    path.write_text(path.read_text().replace("machine: c7a.large", "machine: c64"))
    said = command.refuses("launch", tiny, "--policy", path)
    assert "machine 'c64'" in said
    assert "c7a.large" in said


def test_an_unknown_target_lists_the_known_ones(command: Command, tiny: Path) -> None:
    """The target is cpu or cuda."""
    assert "'tpu' is not one of 'cpu', 'cuda'; see launchgate launch --help" in command.refuses(
        "launch", tiny, "--target", "tpu"
    )


def test_a_ledger_that_does_not_answer_is_told_before_anything_is_measured(
    command: Command, tiny: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow out of reach is an input that is wrong: no run folder is made and no stage has begun."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    said = command.refuses("launch", tiny)
    assert "http://127.0.0.1:9 does not answer" in said
    assert "MLFLOW_TRACKING_URI" in said
    assert not (home / "runs").exists()


def test_an_unknown_run_is_refused(command: Command) -> None:
    """A run that the ledger does not hold is named, with what can be given."""
    for asked in (("show",), ("judge",), ("compare", "0123abcd")):
        said = command.refuses(*asked, "0123abcd")
        assert "'0123abcd'" in said
        assert "first 4 or more characters" in said


def test_a_home_that_is_a_file_is_refused(command: Command, tiny: Path, home: Path) -> None:
    """LAUNCHGATE_HOME must be a folder, or a place where one can be made."""
    home.write_text("")
    assert f"{home} is no folder" in command.refuses("launch", tiny)


@pytest.mark.server
def test_a_bucket_that_is_missing_or_forbidden_is_told_before_anything_is_measured(
    command: Command, tiny: Path, home: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log on S3 is looked at first: no bucket, no permission, nothing there, no endpoint, no credentials."""
    s3.client().create_bucket(Bucket="empty")
    text = (tiny / "candidate.yaml").read_text()

    def said(bucket: str, environment: dict[str, str]) -> str:
        for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        (tiny / "candidate.yaml").write_text(text.replace("data/log", f"s3://{bucket}/log"))
        return command.refuses("launch", tiny)

    assert "the bucket does not exist" in said("nothere", s3.environment())
    assert "these credentials may not read it" in said("empty", s3.outsider().environment())
    assert "s3://empty/log holds no prediction log" in said("empty", s3.environment())
    gone = s3.environment() | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    assert "http://127.0.0.1:9 does not answer" in said("empty", gone)
    assert not (home / "runs").exists()
