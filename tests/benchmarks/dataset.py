"""Holds the size and ratio filters against Data-Juicer's own, and near duplicates against unlike pictures.

    python -m tests.benchmarks.dataset --juicer JUICER/bin/python --photos FOLDER --photographs NAME...

JUICER is an environment with py-data-juicer (`pip install py-data-juicer aiohttp imagehash`); its two
operators filter the samples in a process of their own. FOLDER holds photographs and drawings that are unlike
each other, such as those that scikit-image and scikit-learn carry; NAMEs are its colour photographs. Prints
Markdown.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eval.metrics.concept_subspaces import COPY, concept_subspaces, effective_panels, projected
from eval.scorers.clip import ClipEncoder
from kit.dataset.data_juicer import keeps, read_recipe, read_result
from kit.images.decode import decode_picture, is_flat
from kit.images.near_duplicates import NEAR, perceptual_hash
from kit.world.render import render
from kit.world.scene import STYLES, sample_scene
from tests.benchmarks.machine import commit, cpu, today, versions
from tests.benchmarks.tables import table

PICTURES = 200
SIDES = (256, 512, 768, 1023, 1024, 1025, 1536, 2048, 2049)
KINDS = ("png", "jpg", "webp", "gif", "bmp", "tif")
MODES = {"png": ("RGB", "RGBA", "L", "P", "I;16"), "jpg": ("RGB", "L", "CMYK")}
QUARTER_TURN = 6
SCENES = 600
RECIPES = {
    "the contest's, any": ("any", 1024, 0.5, 2.0),
    "the contest's, all": ("all", 1024, 0.5, 2.0),
    "other bounds, any": ("any", 1023, 0.333, 1.5),
    "other bounds, all": ("all", 1025, 0.75, 3.0),
}
THEIRS = """
import json, sys
from importlib.metadata import version
from data_juicer.ops.filter.image_aspect_ratio_filter import ImageAspectRatioFilter
from data_juicer.ops.filter.image_shape_filter import ImageShapeFilter
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
answers = []
for shape, ratio in json.loads(sys.argv[2]):
    kept = [True] * len(rows)
    for operator in (ImageShapeFilter(**shape), ImageAspectRatioFilter(**ratio)):
        samples = {"images": [row["images"] for row in rows], "__dj__stats__": [{} for _ in rows]}
        answer = operator.process_batched(operator.compute_stats_batched(samples))
        kept = [before and bool(now) for before, now in zip(kept, answer, strict=True)]
    answers.append(kept)
print(json.dumps([version("py-data-juicer"), version("datasets"), answers]))
"""
THEIR_HASHES = """
import json, sys
import imagehash
from importlib.metadata import version
from PIL import Image
bits = [imagehash.phash(Image.open(name), hash_size=16).hash.ravel().tolist() for name in sys.argv[1:]]
print(json.dumps([version("imagehash"), bits]))
"""


def write_samples(folder: Path) -> Path:
    """Write PICTURES mixed pictures in samples of one to three, and the table that lists them."""
    rng, rows, left = Random(0), [], PICTURES
    while left:
        names = [_write(folder, left - n, rng) for n in range(min(left, rng.choice((1, 1, 2, 3))))]
        rows.append({"images": names, "text": "二次元"})
        left -= len(names)
    path = folder / "samples.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def _write(folder: Path, number: int, rng: Random) -> str:
    kind = rng.choice(KINDS)
    mode = rng.choice(MODES.get(kind, ("RGB",)))
    path = folder / f"{number}.{kind}"
    turned = Image.Exif()
    if kind == "jpg" and rng.random() < 0.5:
        turned[0x0112] = QUARTER_TURN
    size = (rng.choice(SIDES), rng.choice(SIDES))
    Image.new(mode, size, rng.randrange(200)).save(path, **({"exif": turned} if len(turned) else {}))
    return str(path)


def filters_table(juicer: str, folder: Path) -> str:
    """Return how many samples each side keeps, and on how many both agree."""
    path = write_samples(folder)
    settings = [
        (
            {"min_width": side, "min_height": side, "any_or_all": quantity},
            {"min_ratio": low, "max_ratio": high, "any_or_all": quantity},
        )
        for quantity, side, low, high in RECIPES.values()
    ]
    called = [juicer, "-c", THEIRS, str(path), json.dumps(settings)]
    done = subprocess.run(called, stdout=subprocess.PIPE, text=True, check=True)
    theirs_version, datasets, answers = json.loads(done.stdout.splitlines()[-1])
    rows = []
    for name, setting, theirs in zip(RECIPES, settings, answers, strict=True):
        ours = _ours(path, setting)
        agreed = sum(a == b for a, b in zip(ours, theirs, strict=True))
        rows.append([name, len(ours), sum(theirs), sum(ours), agreed])
    print(f"py-data-juicer {theirs_version}, datasets {datasets}, {PICTURES} pictures\n")
    return table(("recipe", "samples", "Data-Juicer keeps", "we keep", "the same answer"), rows)


def _ours(path: Path, setting: tuple[dict[str, object], dict[str, object]]) -> list[bool]:
    shape, ratio = setting
    recipe = path.with_suffix(".yaml")
    steps = [{"image_shape_filter": shape}, {"image_aspect_ratio_filter": ratio}]
    recipe.write_text(json.dumps({"process": steps}))
    rules, samples = read_recipe(recipe).filters, {}
    for found in read_result(path):
        assert not found.fault, found
        samples.setdefault(found.sample, []).append(decode_picture(found.path).picture.size)
    return [all(keeps(rule, sizes) for rule in rules) for sizes in samples.values()]


def distances(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return in how many bits of their hashes every two pictures differ."""
    spins = np.where(rows, 1, -1)
    differing = (rows.shape[1] - spins @ spins.T) // 2
    return np.asarray(differing[np.triu_indices(len(rows), k=1)])


def _cosines(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((rows @ rows.T)[np.triu_indices(len(rows), k=1)])


def _tiles(picture: Image.Image) -> list[Image.Image]:
    """Return pieces of a picture that share no pixel: alike in style, and none a copy of another."""
    side = max(96, min(picture.size) // 4)
    corners = (
        (x, y)
        for y in range(0, picture.height - side + 1, side)
        for x in range(0, picture.width - side + 1, side)
    )
    tiles = [picture.crop((x, y, x + side, y + side)) for x, y in corners]
    return [tile for tile in tiles if not is_flat(tile)]


def _jpeg(picture: Image.Image) -> Image.Image:
    file = BytesIO()
    picture.save(file, "JPEG", quality=50)
    return Image.open(file).convert("RGB")


def _cut(picture: Image.Image, share: float) -> Image.Image:
    width, height = picture.size
    edge = (int(width * share), int(height * share))
    return picture.crop((*edge, width - edge[0], height - edge[1]))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half the size": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "JPEG of quality 50": _jpeg,
    "15 % brighter": lambda picture: picture.point(lambda value: min(255, value * 1.15)),
    "1 % cut off each side": lambda picture: _cut(picture, 0.01),
    "3 % cut off each side": lambda picture: _cut(picture, 0.03),
}


def twins_tables(photos: Sequence[Image.Image], encoder: ClipEncoder) -> str:
    """Return how near unlike pictures are, by hash and by the embedded encoder, and how near copies are."""
    rng = Random(5)
    drawn = [render(sample_scene(rng, rng.choice(STYLES))).picture.convert("RGB") for _ in range(SCENES)]
    sets = {"photographs and drawings": [photos], "tiles of one of them": [*map(_tiles, photos)]}
    rows = []
    for name, groups in {**sets, "drawn world": [drawn]}.items():
        apart = np.concatenate(
            [distances(np.array([perceptual_hash(one) for one in group])) for group in groups]
        )
        alike = np.concatenate([_cosines(encoder.pictures(group)) for group in groups])
        joined = f"{(alike > COPY).mean():.1%}"
        rows.append([name, len(apart), apart.min(), (apart <= NEAR).sum(), joined])
    heads = ("unlike pictures", "pairs", "fewest bits apart", f"within {NEAR}", "cosine above .95")
    found, whole = [], [*photos, *drawn[:100]]
    seen = encoder.pictures(whole)
    for name, change in CHANGES.items():
        changed = [change(picture) for picture in whole]
        apart = np.array(
            [(perceptual_hash(a) != perceptual_hash(b)).sum() for a, b in zip(whole, changed, strict=True)]
        )
        near = ((seen * encoder.pictures(changed)).sum(axis=1) > COPY).mean()
        shares = (f"{(apart <= NEAR).mean():.0%}", f"{near:.0%}")
        found.append([name, len(apart), int(np.median(apart)), apart.max(), *shares])
    names = ("a copy", "pictures", "median bits apart", "most", f"within {NEAR}", "cosine above .95")
    return f"{table(heads, rows)}\n\n{table(names, found)}"


def styles_table(photographs: Sequence[Image.Image], encoder: ClipEncoder) -> str:
    """Return how many styles the style facet counts in sets of one style and of two."""
    rng, facets = Random(1), concept_subspaces(encoder, "zh")

    def count(pictures: Sequence[Image.Image]) -> str:
        return f"{effective_panels(projected(encoder.pictures(pictures), facets.style)):.2f}"

    def draw(styles: Sequence[str]) -> list[Image.Image]:
        return [render(sample_scene(rng, styles[n % len(styles)])).picture for n in range(20)]

    rows = [[f"20 drawn: {style}", count(draw([style]))] for style in STYLES]
    rows += [[f"20 drawn: {a} and {b}", count(draw([a, b]))] for a, b in pairwise(STYLES)]
    rows.append([f"{len(photographs)} colour photographs", count(photographs)])
    return table(("set", "styles counted"), rows)


def hashes_line(juicer: str, files: Sequence[Path], folder: Path) -> str:
    """Return on how many pictures our hashes are ImageHash's."""
    names = []
    for number, file in enumerate(files):
        names.append(str(folder / f"photo-{number}.png"))
        decode_picture(file).picture.save(names[-1])
    called = [juicer, "-c", THEIR_HASHES, *names]
    done = subprocess.run(called, stdout=subprocess.PIPE, text=True, check=True)
    version, theirs = json.loads(done.stdout)
    ours = [perceptual_hash(Image.open(name)).tolist() for name in names]
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    return f"The hashes are those of ImageHash {version} on {same} of {len(names)} pictures."


def main() -> None:
    """Print all measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--juicer", required=True, help="Python with py-data-juicer")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of unlike pictures")
    parser.add_argument("--photographs", nargs="+", required=True, help="those of one style: photographs")
    asked = parser.parse_args()
    files = sorted(path for path in asked.photos.iterdir() if path.is_file())
    print(f"{cpu()}, commit {commit()}, {today()}, {versions()}\n")
    encoder = ClipEncoder.load("mini")
    with tempfile.TemporaryDirectory() as folder:
        print(filters_table(asked.juicer, Path(folder)), "\n")
        print(twins_tables([decode_picture(file).picture for file in files], encoder), "\n")
        print(hashes_line(asked.juicer, files, Path(folder)), "\n")
    print(styles_table([decode_picture(asked.photos / name).picture for name in asked.photographs], encoder))


if __name__ == "__main__":
    main()
