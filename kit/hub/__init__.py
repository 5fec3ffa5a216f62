"""ModelScope and Hugging Face: the only doors to them."""
