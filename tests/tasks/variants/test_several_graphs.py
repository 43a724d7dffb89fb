"""A model of two graphs, one of them called step by step: exported, held against torch, quantized, and served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from support.tiny import ADAPTER, write_tiny

from tasks.candidate.folder import load_candidate
from tasks.candidate.snapshot import keep_candidate, keep_graphs, load_kept
from tasks.core.errors import ModelError
from tasks.core.run_folder import RunFolder
from tasks.performance.latency.request import LatencyRequest
from tasks.performance.latency.timing import time_calls
from tasks.serving.provider import prove_provider
from tasks.serving.server import Server, serving_of
from tasks.variants.export import export_model
from tasks.variants.parity import check_parity
from tasks.variants.quantize import quantize
from tasks.variants.recipes import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.records import Candidate
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets

TWO_GRAPHS = (
    ADAPTER.replace("import numpy as np\n", "import numpy as np\nimport torch\n").replace(
        "    net = Net(*weights",
        "    return {'embed': Embed(weights).eval(), 'add': Add(weights).eval()}\n    net = Net(*weights",
    )
    + '''

class Embed(torch.nn.Module):
    """The vector of each word."""

    def __init__(self, weights):
        super().__init__()
        self.embedding = torch.nn.Embedding.from_pretrained(weights["embedding.weight"], padding_idx=0)

    def forward(self, words):
        return {"vectors": self.embedding(words) * (words != 0).unsqueeze(-1)}


class Add(torch.nn.Module):
    """One more word's vector added to the sum so far, and what that says."""

    def __init__(self, weights):
        super().__init__()
        self.head = torch.nn.Linear(weights["head.weight"].shape[1], 2)
        self.head.load_state_dict({"weight": weights["head.weight"], "bias": weights["head.bias"]})

    def forward(self, total, vector, count):
        total = total + vector
        return {"sum": total, "logits": self.head(total / count.clamp(min=1))}


def infer(run, batch):
    words = batch["words"]
    vectors = run("embed", {"words": words})["vectors"]
    total = np.zeros_like(vectors[:, 0])
    count = (words != 0).sum(axis=1, keepdims=True).astype(np.float32)
    for step in range(words.shape[1]):
        made = run("add", {"total": total, "vector": vectors[:, step], "count": count})
        total = made["sum"]
    return {"logits": made["logits"]}
'''
)


def two_graphs(folder: Path, *changes: tuple[str, str]) -> Candidate:
    """Return the candidate with texts of its adapter replaced."""
    text = TWO_GRAPHS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_candidate(write_tiny(folder / "two", adapter=text), RECIPES)


def test_each_graph_is_exported_and_says_what_torch_says(tmp_path: Path, sets: DataSets, measuring: Measuring) -> None:
    """Rows vary in both graphs and words in the first; nothing flips against torch, whatever the batch."""
    candidate = two_graphs(tmp_path)
    variant = export_model(candidate, sets.production)
    assert sorted(variant.graphs) == ["add", "embed"]
    assert variant.size_bytes == sum(path.stat().st_size for path in variant.graphs.values())
    served = serving_of(candidate, variant, "cpu", 1)
    parity = check_parity(candidate, served, variant, measuring, sets.production, seed=0)
    assert parity.dynamic_axes == {"embed.words": (0, 1), "add.total": (0,), "add.vector": (0,), "add.count": (0,)}
    assert [(case.flips, case.error) for case in parity.parity] == [(0, None)] * len(parity.parity)
    assert max(case.max_relative or 0 for case in parity.parity) < 1e-5


@pytest.mark.parametrize("recipe", ["int8-dynamic", "int8-static"])
def test_each_graph_is_quantized_with_the_calls_that_it_gets(tmp_path: Path, sets: DataSets, recipe: str) -> None:
    """The ranges of the second graph come from the sums that the first one's vectors make."""
    candidate = two_graphs(tmp_path)
    fp32 = export_model(candidate, sets.production)
    variant = quantize(candidate, fp32, recipe, "cpu", sets.calibration, 64)
    assert sorted(variant.graphs) == ["add", "embed"]
    rows = pd.read_parquet(sets.production, columns=["text"]).dropna().head(200)
    one, other = (Server(serving_of(candidate, each, "cpu", 1)).predict_in(rows, 32).frame for each in (fp32, variant))
    assert (one["prediction"] == other["prediction"]).mean() > 0.9
    assert not one["confidence"].equals(other["confidence"])


def test_an_answer_is_timed_step_by_step(tmp_path: Path, sets: DataSets) -> None:
    """The second graph is called once a word: as many steps as the text has words, from two on."""
    candidate = two_graphs(tmp_path)
    served = serving_of(candidate, export_model(candidate, sets.production), "cpu", 1)
    request = LatencyRequest(
        serving=served, rows=sets.production, batches=(1, 4), calls={1: 300, 4: 10}, seconds={1: 9, 4: 5}, seed=0
    )
    single, four = time_calls(request).batches
    words = pd.read_parquet(sets.production, columns=["text"])["text"].str.split().str.len()
    assert {steps for steps, _, _ in single.steps} == set(words)
    assert all(0 < first <= last <= whole for (_, first, last), whole in zip(single.steps, single.seconds, strict=True))
    assert all(first < last for steps, first, last in single.steps if steps > 1)
    assert sum(steps for steps, _, _ in four.steps) / len(four.steps) > words.mean()  # the longest of four


def test_every_graph_runs_where_it_should(tmp_path: Path, sets: DataSets) -> None:
    """The nodes of both graphs are counted."""
    candidate = two_graphs(tmp_path)
    found = prove_provider(serving_of(candidate, export_model(candidate, sets.production), "cpu", 1), sets.production)
    assert set(found.nodes) == {"CPUExecutionProvider"}


def test_a_kept_launch_of_several_graphs_answers_as_before(tmp_path: Path, sets: DataSets) -> None:
    """Every graph is kept under its name."""
    candidate = two_graphs(tmp_path)
    variant = export_model(candidate, sets.production)
    keep_candidate(candidate, RunFolder(tmp_path / "run"))
    keep_graphs(variant, RunFolder(tmp_path / "run").variant("fp32"))
    kept, graphs = load_kept(tmp_path / "run" / "candidate", "fp32", RunFolder(tmp_path / "run").variant("fp32"))
    rows = pd.read_parquet(sets.production, columns=["text"]).dropna().head(50)
    one, other = (
        Server(serving_of(who, what, "cpu", 1)).predict_in(rows, 7).frame
        for who, what in ((candidate, variant), (kept, graphs))
    )
    pd.testing.assert_frame_equal(one, other)


def test_a_graph_that_nothing_calls_is_named(tmp_path: Path, sets: DataSets) -> None:
    """A module that no prediction needs can't be exported, since nobody knows what it is given."""
    spare = ("'add': Add(weights).eval()}", "'add': Add(weights).eval(), 'spare': Add(weights).eval()}")
    with pytest.raises(ModelError, match="infer never calls the graph spare; call it, or leave it out"):
        export_model(two_graphs(tmp_path, spare), sets.production)


def test_several_graphs_without_infer_are_refused(tmp_path: Path, sets: DataSets) -> None:
    """Nobody says how they work together."""
    with pytest.raises(ModelError, match=r"build returned embed, add; define infer\(run, batch\)"):
        export_model(two_graphs(tmp_path, ("def infer(", "def other(")), sets.production)


def test_a_call_of_an_unknown_graph_names_the_known_ones(tmp_path: Path, sets: DataSets) -> None:
    """A slip in a name is told as one."""
    with pytest.raises(ModelError, match="no graph is called sum; there are embed, add"):
        export_model(two_graphs(tmp_path, ('run("add"', 'run("sum"')), sets.production)
