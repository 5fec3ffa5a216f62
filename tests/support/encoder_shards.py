"""What the shards of the embedded encoder's training hold."""

from pathlib import Path

from eval.mini.training.shards import Labels, paths_of, read_labels


def labels_in(folder: Path) -> Labels:
    return read_labels(paths_of(folder)[0])
