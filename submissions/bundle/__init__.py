"""What a bundle holds: manifest, texts, mosaics, workflows, LoRA files."""
