"""Tensors by name in foreign files: safetensors and checkpoints, opened by content, never run."""
