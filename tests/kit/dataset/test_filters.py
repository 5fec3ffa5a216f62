import json
from collections.abc import Sequence

from fakes import fake_picture
from PIL import Image

from eval.scorers.aesthetic import by_aesthetics
from eval.scorers.protocols import Metric, Stamp
from kit.dataset.filters import PreparationPlan, filter_pictures
from kit.dataset.prepare import find_source, write_dataset
from kit.story.trigger import Captioning


class LeftEdge:
    """Scores a picture by the red of its first pixel."""

    metric = Metric(
        name="red",
        title="Red",
        direction="higher",
        range=(0.0, 255.0),
        unit="1",
        source="made up",
        stamp=Stamp(weights="made up", weights_sha256="0" * 64, preprocessing="none", embedded=False),
    )

    def score(self, panels: Sequence[Image.Image]) -> list[float]:
        return [float(panel.getpixel((0, 0))[0]) for panel in panels]


def test_pictures_below_the_floor_are_dropped(tmp_path, pictures):
    fake_picture("c", 64).save(pictures / "c.png")
    (pictures / "c.txt").write_text("c")
    reds = {name: fake_picture(name, 64).getpixel((0, 0))[0] for name in "abc"}
    floor = sorted(reds.values())[1]
    plan = PreparationPlan(
        source=str(pictures),
        captioning=Captioning(),
        aesthetic=by_aesthetics(LeftEdge(), float(floor)),
    )
    sifted = filter_pictures(find_source(plan.source, tmp_path / "data"), plan, lambda: None)
    assert [look.found.name[0] for look in sifted.kept] == [name for name in "abc" if reds[name] >= floor]
    [drop] = [drop for drop in sifted.drops.values() if drop.kind == "aesthetics"]
    assert drop.reason == f"scores {min(reds.values()):.2f}, {floor} is the floor (made up)"
    write_dataset(tmp_path / "data", sifted, plan, lambda: None)
    record = json.loads((tmp_path / "data" / "dataset.json").read_text(encoding="utf-8"))
    assert record["settings"]["aesthetic"] == {"floor": floor, "weights": "made up", "sha256": "0" * 64}
