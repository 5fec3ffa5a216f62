"""LoRAs of the bases that diffusers draws with: the names of their layers, and their families."""
