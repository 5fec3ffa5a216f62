"""The stage that compares: design, statistics, verdicts, races."""
