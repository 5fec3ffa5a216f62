"""Candidates: what is compared, their sweeps, their names, and the LoRA files that a run keeps of them."""
