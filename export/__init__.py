"""From a training run to a model bundle: ONNX, quantisation, parity, card."""
