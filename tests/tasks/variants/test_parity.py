"""The graph held against torch: at several batch sizes and lengths, and where a module was left in training mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.changed_tiny import changed

from tasks.serving.server import serving_of
from tasks.variants.export import export_model
from tasks.variants.parity import check_parity

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.core.records import Candidate, Variant
    from tasks.core.settings import Measuring
    from tasks.data.datasets import DataSets
    from tasks.evidence import ExportEvidence


def parity_of(candidate: Candidate, variant: Variant, measuring: Measuring, sets: DataSets) -> ExportEvidence:
    """Hold the graph against torch on the CPU."""
    served = serving_of(candidate, variant, "cpu", 1)
    return check_parity(candidate, served, variant, measuring, sets.production, seed=0)


def test_the_graph_says_what_torch_says(tiny: Candidate, sets: DataSets, fp32: Variant, measuring: Measuring) -> None:
    """At six batch sizes and at the shortest and longest inputs, with no decision that flips."""
    parity = parity_of(tiny, fp32, measuring, sets)
    assert [case.case for case in parity.parity] == [
        "batch 1", "batch 2", "batch 7", "batch 32", "batch 64", "batch 128", "shortest inputs", "longest inputs",
    ]  # fmt: skip
    for case in parity.parity:
        assert case.error is None
        assert case.flips == 0
        assert case.max_relative is not None
        assert case.max_relative < 1e-5
    assert parity.dynamic_axes == {"words": (0, 1)}
    assert parity.training_modules == ()


def test_a_module_left_in_training_mode_is_found(sets: DataSets, measuring: Measuring, tmp_path: Path) -> None:
    """Dropout that build leaves on is named, and what it does to answers is seen against torch in evaluation mode."""
    candidate = changed(
        tmp_path,
        ("            self.head = ", "            self.drop = torch.nn.Dropout(0.5)\n            self.head = "),
        ("self.head((self.emb", "self.head(self.drop(self.emb"),
        ("return net.eval()", "return net"),
        ("net.load_state_dict(weights)", "net.load_state_dict(weights)\n    net.train()"),
    )
    parity = parity_of(candidate, export_model(candidate, sets.production), measuring, sets)
    assert parity.training_modules == ("drop",)
    *exported, as_built = parity.parity
    assert all(case.max_relative is not None and case.max_relative < 1e-5 for case in exported)
    assert as_built.case == "torch as built, batch 32"
    assert as_built.max_relative is not None
    assert as_built.max_relative > 0.5


def test_training_mode_that_changes_no_answer_is_no_difference(
    sets: DataSets, measuring: Measuring, tmp_path: Path
) -> None:
    """A build that forgets eval(), of a model without dropout or batch statistics, answers the same."""
    candidate = changed(tmp_path, ("return net.eval()", "return net"))
    parity = parity_of(candidate, export_model(candidate, sets.production), measuring, sets)
    assert parity.training_modules == ()
    assert all(case.flips == 0 and case.max_relative == 0 for case in parity.parity if "as built" in case.case)
