"""A story of eight panels, the prompts it makes, and the trigger before them."""
