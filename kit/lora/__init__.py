"""LoRA files: read, checked against a base, converted, merged, inspected."""
