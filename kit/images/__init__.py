"""Pictures: decoded with care, compared, lettered, and written with their settings inside."""
