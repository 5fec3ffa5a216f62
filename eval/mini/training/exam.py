"""The exam of the embedded encoders on held-out scenes of the drawn world."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from eval.mini.training.degradations import DAMAGES, damage
from eval.mini.training.shards import Labels, paths_of, read_labels, read_pictures
from eval.mini.training.zero_shot import LANGUAGES, names_of
from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.clip import ClipEncoder
from kit.world import words

Report = dict[str, object]
Truths = Sequence[AbstractSet[str]]
SEVERITIES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
PANELS = 60
"""Pictures the aesthetic exam damages."""


def check(folder: Path, held_out: Path, device: str) -> Report:
    """Return the results of FOLDER/clip (zero-shot accuracies) and FOLDER/aesthetic (damage)."""
    paths = paths_of(held_out)
    labels = [read_labels(path) for path in paths]
    pictures = np.concatenate([read_pictures(path) for path in paths])
    report: Report = {"pictures": len(pictures)}
    if any((folder / "clip").glob("*.safetensors")):
        report["clip"] = check_clip(ClipEncoder.load(folder / "clip", device), pictures, labels)
    if any((folder / "aesthetic").glob("*.safetensors")):
        report["aesthetic"] = check_aesthetic(
            AestheticScorer.load(folder / "aesthetic", device), pictures[:PANELS]
        )
    return report


def check_clip(encoder: ClipEncoder, pictures: NDArray[np.uint8], labels: Sequence[Labels]) -> Report:
    """Return zero-shot accuracies: the share of pictures nearest to the name of what they show."""
    scenes = [scene for shard in labels for scene in shard.scenes]
    rows = encoder.pictures([Image.fromarray(panel) for panel in pictures])
    alone = np.array([len(scene.characters) == 1 for scene in scenes])
    clean = alone & np.array([not scene.degradations for scene in scenes])
    styles = np.array([scene.style for scene in scenes])
    report: Report = {}
    for language in LANGUAGES:
        place = _hits(encoder, rows, names_of(words.PLACES[language]), [{scene.place} for scene in scenes])
        style = _hits(encoder, rows, names_of(words.STYLES[language]), [{scene.style} for scene in scenes])
        kinds = [{figure.kind for figure in scene.characters} for scene in scenes]
        kind = _hits(encoder, rows, names_of(words.KINDS[language]), kinds)
        shares = {"place": place, "style": style, "kind": kind[alone], "kind_of_two": kind[~alone]}
        by_style = {name: _share(kind[clean & (styles == name)]) for name in sorted(set(styles))}
        report[language] = {name: _share(hits) for name, hits in shares.items()} | {"kind_by_style": by_style}
    captions = encoder.texts([texts[0] for shard in labels for texts in shard.captions][:256])
    report["caption_top1_of_256"] = _share((rows[:256] @ captions.T).argmax(1) == np.arange(len(captions)))
    return report


def _hits(
    encoder: ClipEncoder,
    rows: NDArray[np.float32],
    names: Mapping[str, str],
    truths: Truths,
) -> NDArray[np.bool_]:
    """Return for each picture whether the name nearest to it is true of it."""
    nearest = (rows @ encoder.texts(list(names.values())).T).argmax(1)
    things = list(names)
    return np.array([things[k] in truth for k, truth in zip(nearest, truths, strict=True)])


def _share(hits: NDArray[np.bool_]) -> float | None:
    return round(float(hits.mean()), 4) if len(hits) else None


def check_aesthetic(scorer: AestheticScorer, pictures: NDArray[np.uint8]) -> Report:
    """Return the clean pictures' mean score and how each damage moves it."""
    panels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    clean = np.array(_score(scorer, panels))
    report: Report = {"clean_mean": round(float(clean.mean()), 3), "clean_min": round(float(clean.min()), 3)}
    for name in DAMAGES:
        means, wins = [], 0.0
        for severity in SEVERITIES:
            damaged = np.array(
                _score(
                    scorer,
                    damage(
                        panels, {name: torch.full((len(panels),), severity)}, torch.Generator().manual_seed(0)
                    ),
                )
            )
            means.append(round(float(damaged.mean()), 3))
            wins = float((clean > damaged).mean()) if severity == 0.4 else wins
        order = float(np.corrcoef(np.arange(len(means)), np.argsort(np.argsort(means)))[0, 1])
        report[name] = {"means": means, "clean_wins_at_0.4": round(wins, 4), "spearman": round(order, 4)}
    return report


def _score(scorer: AestheticScorer, panels: torch.Tensor) -> list[float]:
    pixels = (panels.permute(0, 2, 3, 1) * 255).round().byte().numpy()
    return scorer.score([Image.fromarray(panel) for panel in pixels])
