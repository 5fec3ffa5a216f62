"""Plain prompts taken apart: clauses with roles, the characters and places that come back."""
