"""Readers of foreign files: zip, PNG, LoRA, and what must not leave the house."""
