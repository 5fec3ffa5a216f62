import json
from collections.abc import Sequence

import pytest
from fakes import fake_picture
from PIL import Image
from source_folders import put_files

from eval.scorers.aesthetic import by_aesthetics
from eval.scorers.protocols import Metric, Stamp
from kit.dataset.filters import PreparationPlan, filter_pictures
from kit.dataset.prepare import find_source, write_dataset
from kit.errors import InputError
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


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ("a.png,x\na.png,x\n", "is listed in metadata.csv line 2 already"),
        (
            "a.png,x\n./a.png,y\n",
            "is listed in metadata.csv line 2 already with another caption, which is kept: x",
        ),
        ("a.png,x\nb.png,y\n", "is the file of a.png"),
    ],
)
def test_a_picture_that_is_listed_twice_is_kept_once_and_its_captions_are_told(tmp_path, rows, reason):
    folder = put_files(tmp_path / "in", a__png=None, metadata__csv=f"file_name,text\n{rows}")
    if "b.png" in rows:
        (folder / "metadata.csv").unlink()
        put_files(folder, a__txt="x", b__txt="x")
        (folder / "b.png").symlink_to(folder / "a.png")
    plan = PreparationPlan(source=str(folder), captioning=Captioning())
    sifted = filter_pictures(find_source(plan.source, tmp_path / "data"), plan, lambda: None)
    assert [one.found.caption.text for one in sifted.kept] == ["x"]
    assert [drop[:2] for drop in sifted.drops.values()] == [("repeated", reason)]
    both = PreparationPlan(source=str(folder), captioning=Captioning(), keep_near_duplicates=True)
    assert len(filter_pictures(find_source(plan.source, tmp_path / "data"), both, lambda: None).kept) == 2


def test_where_nothing_stays_the_first_of_each_reason_is_named(tmp_path):
    folder = put_files(tmp_path / "in", a__png=None, metadata__csv="file_name,text\n0,x\n1,x\n")
    plan = PreparationPlan(source=str(folder), captioning=Captioning())
    told = r"none of its 3 files can be used: 0 does not exist, and so 1 more; a\.png is not listed in"
    with pytest.raises(InputError, match=told):
        filter_pictures(find_source(plan.source, tmp_path / "data"), plan, lambda: None)
