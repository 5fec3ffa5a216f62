"""What diffusers draws with: its pipelines' parts, samplers, texts, and how each family is called."""
