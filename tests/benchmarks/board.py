"""How long the board's sheet takes on a run of 3 x 2 x 20 x 8 = 960 pictures of 1024 pixels.

    python -m tests.benchmarks.board RUN [--keep FOLDER]

RUN is a drawn run with at least two candidates and seven seeds, such as `storykit demo` leaves; its pictures
are enlarged. Measures in a real Chromium and prints Markdown: the first paint and the time until every small
picture is there, before and after they are cached; a pick, from the key to the mark; filling the rest around
picks, before and after the place is measured.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from PIL import Image, ImageEnhance, PngImagePlugin

from kit.experiment.config import load_experiment
from kit.experiment.run import PanelRow, Run, Slot
from kit.files.encodings import sha256_bytes
from tests.benchmarks.machine import commit, cpu, load, today, versions
from tests.benchmarks.tables import table

SIDE, SEEDS = 1024, 20
CANDIDATES = ("base", "ink", "watercolour")
PATIENCE_MS = 300_000


def enlarged_run(source: Run, folder: Path) -> Run:
    """Return a run of 960 pictures made of another's: no two files of one place are alike."""
    text = (source.folder / "experiment.toml").read_text("utf-8")
    seeds = source.loaded.experiment.seeds
    shown = ",\n    ".join(map(str, seeds))
    text = text.replace(f"seeds = [\n    {shown},\n]", f"seeds = {list(range(SEEDS))}")
    text = text.replace(f"size = {source.loaded.settings.size}", f"size = {SIDE}")
    folder.mkdir(parents=True)
    (folder / "stories").mkdir()
    for story in (source.folder / "stories").iterdir():
        (folder / "stories" / story.name).write_bytes(story.read_bytes())
    (folder / "experiment.toml").write_text(text, "utf-8")
    run = Run.create(folder / "run", load_experiment(folder / "experiment.toml"))
    rows = {row.slot: row for row in source.rows()}
    for slot in run.wanted():
        near = rows[slot._replace(seed=seeds[slot.seed % len(seeds)])]
        _put(run, slot, near, (source.folder / near.file).read_bytes(), slot.seed // len(seeds))
    return run


def _put(run: Run, slot: Slot, near: PanelRow, data: bytes, turn: int) -> None:
    picture = Image.open(io.BytesIO(data)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    if turn:
        picture = ImageEnhance.Color(picture).enhance(1 - 0.15 * turn)
    mark = PngImagePlugin.PngInfo()
    mark.add_text("place", repr(slot))
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1, pnginfo=mark)
    path = run.panel_path(*slot)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.getvalue())
    told = {**slot._asdict(), "file": path.relative_to(run.folder).as_posix()}
    sha256 = sha256_bytes(file.getvalue())
    run.append(
        PanelRow(key=sha256, **told, sha256=sha256, prompt=near.prompt, negative=near.negative, seconds=0.1)
    )


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Any, str]]:
    """Serve a folder and give a page of Chromium with the board's cookie, and its root."""
    from playwright.sync_api import sync_playwright

    from tests.support.browser import EXECUTABLE
    from tests.support.served_board import serving

    with serving(folder) as served, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=EXECUTABLE, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(served.address)
        yield page, served.root
        browser.close()


def _until(page: Any, holds: str) -> None:
    """Wait until something holds on a page; its content policy forbids Playwright's own way."""
    page.evaluate(f"async () => {{ while (!({holds})) await new Promise(requestAnimationFrame); }}")


def paint_of(page: Any, address: str) -> tuple[float, float]:
    """Return seconds to the first paint with content, and until the pictures in sight are there."""
    page.goto(address, wait_until="load")
    _until(
        page,
        "[...document.images].filter(one => one.getBoundingClientRect().top < innerHeight)"
        ".every(one => one.complete)",
    )
    sight = page.evaluate("performance.now()") / 1000
    paints = page.evaluate("performance.getEntriesByName('first-contentful-paint').map(one => one.startTime)")
    return (paints[0] / 1000 if paints else sight), sight


def pick_seconds(page: Any, panel: int, seed: int) -> float:
    """Return seconds from the key that picks a picture until it is marked."""
    page.locator(f"#cell-{panel}-{seed}").focus()
    return page.evaluate(
        """async (id) => {
          const start = performance.now();
          document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: " ", bubbles: true}));
          while (!document.getElementById(id).classList.contains("is-picked"))
            await new Promise(requestAnimationFrame);
          return (performance.now() - start) / 1000;
        }""",
        f"cell-{panel}-{seed}",
    )


def fill_seconds(page: Any) -> float:
    """Return seconds from the key that fills the rest until it is said."""
    page.evaluate("document.getElementById('said').textContent = ''")
    started = time.perf_counter()
    page.keyboard.press("f")
    _until(page, "document.getElementById('said').textContent !== ''")
    return time.perf_counter() - started


def measured(folder: Path) -> Iterator[tuple[str, float]]:
    """Yield what was measured, and the seconds."""
    address = "/sheet?run=run&candidate=ink"
    with opened(folder) as (page, root):
        started = time.perf_counter()
        first, sight = paint_of(page, root + address)
        yield "first paint, nothing cached", first
        yield "pictures in sight, nothing cached", sight
        page.wait_for_selector("#far", state="detached")
        yield "all 960 pictures made small", time.perf_counter() - started
    with opened(folder) as (page, root):
        page.goto(root + address)
        page.goto("about:blank")
        first, sight = paint_of(page, root + address)
        yield "first paint, pictures cached", first
        yield "pictures in sight, cached", sight
        pick_seconds(page, 1, 1)
        picks = [pick_seconds(page, panel, seed) for panel, seed in islice(zip(cycle((2, 3)), range(9)), 9)]
        yield "a pick, median of 9", sorted(picks)[4]
        yield "a pick, slowest of 9", max(picks)
        yield "fill the rest, nothing measured", fill_seconds(page)
        fills = []
        for seed in range(5):
            pick_seconds(page, 4, seed + 8)
            fills.append(fill_seconds(page))
        yield "fill the rest around 4 picks, median of 5", sorted(fills)[2]
        yield "fill the rest around 4 picks, slowest of 5", max(fills)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--keep", type=Path, help="where the run of 960 pictures is made, or lies already")
    asked = parser.parse_args()
    before = load()
    with tempfile.TemporaryDirectory() as made:
        folder = asked.keep or Path(made) / "board"
        if not folder.exists():
            enlarged_run(Run.open(asked.run), folder)
        rows = [[name, f"{seconds:.2f}"] for name, seconds in measured(folder)]
    print(table(("", "s"), rows))
    print(f"\n{cpu()}; load before {before}; commit {commit()}; {versions()}; {today()}")


if __name__ == "__main__":
    main()
