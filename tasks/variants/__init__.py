"""How variants are made: torch exported to ONNX, and cheaper ones by quantization."""
