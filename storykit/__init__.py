"""Make, score, compare and pack LoRA-styled eight-panel picture stories."""
