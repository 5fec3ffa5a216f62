"""What gives pictures numbers: the aesthetic predictor and CLIP."""
