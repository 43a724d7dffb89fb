"""The torch modules behind an adapter, served as a graph is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.candidate.adapter import MODEL, Adapter, Arrays
from tasks.serving.server import Answers

if TYPE_CHECKING:
    import pandas as pd
    import torch


@dataclass(frozen=True)
class TorchModel:
    """The torch modules behind the adapter, served as `Server` serves graphs."""

    adapter: Adapter
    modules: dict[str, torch.nn.Module]

    def run(self, graph: str, inputs: Arrays) -> Arrays:
        """Call one module once."""
        import torch

        with torch.inference_mode():
            outputs = named_outputs(self.modules[graph](**tensors(inputs)))
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def predict(self, rows: pd.DataFrame) -> Answers:
        """Answer `rows` as one batch. Raises AdapterError where the adapter or the model does."""
        outputs = self.adapter.infer(self.run, self.adapter.encode(rows))
        return Answers(self.adapter.decode(outputs, len(rows)), outputs)


def named_outputs(outputs: Any) -> dict[str, torch.Tensor]:
    """Return what `forward` returned as name to tensor: a dict as it is, a tensor as `output`, a tuple as `output_0` …."""
    if isinstance(outputs, dict):
        return {str(name): tensor for name, tensor in outputs.items()}
    if isinstance(outputs, (tuple, list)):
        return {f"output_{index}": tensor for index, tensor in enumerate(outputs)}
    return {"output": outputs}


def tensors(arrays: Arrays) -> dict[str, torch.Tensor]:
    """Return arrays as tensors under the same names."""
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def modules_in_training(modules: dict[str, torch.nn.Module]) -> list[str]:
    """Name the submodules in training mode whose answers depend on it."""
    import torch

    kinds = (torch.nn.modules.dropout._DropoutNd, torch.nn.modules.batchnorm._NormBase)  # noqa: SLF001  no public base
    return [
        name or ("the model" if graph == MODEL else graph)
        for graph, module in modules.items()
        for name, part in module.named_modules()
        if part.training and isinstance(part, kinds)
    ]
