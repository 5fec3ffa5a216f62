"""The board's page to take an entry home: what the contest asks for, the bundle, what to show others."""
