"""How the embedded encoder and predictor were trained; not in the wheel."""
