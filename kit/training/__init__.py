"""Training a LoRA: the stage, its folder, the loop and what it learns from."""
