"""What MLServer serves in the tests, in its own environment: an exported graph, and the same with texts as input."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import onnxruntime
import pandas as pd
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Graph(MLModel):
    """An ONNX graph that takes its inputs as tensors."""

    async def load(self) -> bool:
        """Open the graph."""
        self.folder = Path(self.settings.parameters.uri)
        self.session = onnxruntime.InferenceSession(self.folder / "model.onnx", providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer with the graph's outputs."""
        return self.answer({one.name: NumpyCodec.decode_input(one) for one in payload.inputs})

    def answer(self, inputs: dict[str, object]) -> InferenceResponse:
        """Run the graph."""
        names = [node.name for node in self.session.get_outputs()]
        outputs = zip(names, self.session.run(names, inputs), strict=True)
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output(name, array) for name, array in outputs]
        )


class Texts(Graph):
    """The same behind the candidate's adapter, which encodes a column of texts."""

    async def load(self) -> bool:
        """Import the adapter too."""
        await super().load()
        spec = importlib.util.spec_from_file_location("adapter", self.folder / "adapter.py")
        self.adapter = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.adapter)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Encode the texts and answer as the graph does."""
        (texts,) = payload.inputs
        return self.answer(self.adapter.encode(pd.DataFrame({"text": StringCodec.decode_input(texts)})))
