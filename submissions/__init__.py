"""Contest bundles: pack them, verify them."""
