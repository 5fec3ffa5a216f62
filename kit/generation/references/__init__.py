"""Pictures of characters, ready for who draws with them."""
