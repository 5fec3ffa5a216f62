"""Pictures that a run wants beside the seeds of its experiment."""
