"""What is refused and dropped of datasets is told in Chinese, and files say it in English."""

from collections.abc import Callable
from pathlib import Path

import pytest
from english_sentences import english_sentences
from fakes import fake_picture

from kit.dataset.captions import caption_warnings
from kit.dataset.data_juicer import RatioFilter, ShapeFilter, read_recipe, read_result
from kit.dataset.filters import FilteredPictures, PreparationPlan, filter_pictures
from kit.dataset.listed import Caption
from kit.dataset.prepare import dataset_warnings, find_source, write_dataset
from kit.dataset.read import read_dataset
from kit.errors import InputError
from kit.messages import in_english
from kit.story.trigger import Captioning


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYKIT_LANG", "zh")


def check(said: str) -> None:
    """Check that a sentence is Chinese, and known in English."""
    assert not english_sentences(said), said
    assert said != in_english(said)


def prepared(source: Path, out: Path) -> tuple[FilteredPictures, list[str]]:
    """Prepare a dataset of a source; return what stays of it, and what to mind."""
    plan = PreparationPlan(
        source=str(source),
        captioning=Captioning(),
        filters=[ShapeFilter(min_width=48, max_height=4096), RatioFilter(max_ratio=1.5)],
    )
    filtered = filter_pictures(find_source(str(source), out), plan, lambda: None)
    return filtered, list(write_dataset(out, filtered, plan, lambda: None))


def test_reasons_and_warnings_are_chinese_on_the_screen_and_english_in_the_files(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_picture("d", 64).resize((128, 64)).save(pictures / "wide.png")
    (pictures / "wide.txt").write_text("雨", encoding="utf-8")
    (pictures / "a.caption").write_text("小狗", encoding="utf-8")
    (pictures / "phone.heic").write_bytes(b"")
    filtered, warnings = prepared(pictures, tmp_path / "zh")
    assert len(filtered.drops) > 5
    assert warnings
    for said in (*(drop.reason for drop in filtered.drops.values()), *warnings):
        check(said)
    monkeypatch.setenv("STORYKIT_LANG", "en")
    prepared(pictures, tmp_path / "en")
    for name in ("dropped.csv", "dataset.json"):
        assert (tmp_path / "zh" / name).read_bytes() == (tmp_path / "en" / name).read_bytes()


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


RECIPE = "process:\n  - image_shape_filter: {{min_width: {width}}}\n  - {other}: {{}}\n"
REFUSED: dict[str, Callable[[Path], object]] = {
    "no source": lambda folder: find_source(str(folder / "gone"), folder / "out"),
    "a text for a source": lambda folder: find_source(str(write(folder / "a.md", "雨")), folder / "out"),
    "out inside the source": lambda folder: find_source(str(folder), folder / "out"),
    "out with other files": lambda folder: find_source(
        str(folder), write(folder.parent / "other" / "a.md", "雨").parent
    ),
    "an empty source": lambda folder: prepared(folder, folder.parent / "out"),
    "nothing but a text": lambda folder: prepared(write(folder / "a.md", "雨").parent, folder.parent / "out"),
    "two tables": lambda folder: read_dataset(
        write(write(folder / "metadata.csv", "").parent / "metadata.jsonl", "").parent
    ),
    "no table": read_dataset,
    "an empty table": lambda folder: read_dataset(write(folder / "metadata.csv", "file_name,text\n").parent),
    "no columns": lambda folder: read_dataset(write(folder / "metadata.csv", "a,b\n").parent),
    "a column twice": lambda folder: read_dataset(
        write(folder / "metadata.csv", "file_name,text,text\n").parent
    ),
    "rows that are wrong": lambda folder: read_dataset(
        write(
            folder / "metadata.csv",
            'file_name,text\na.png,小猫\n../b.png,小猫\n,小猫\nC:\\c.png,小猫\nd.png,"小猫",跑\n',
        ).parent
    ),
    "lines that are wrong": lambda folder: read_dataset(write(folder / "metadata.jsonl", "[]\n" * 30).parent),
    "a recipe without operators": lambda folder: read_recipe(write(folder / "a.yaml", "process: 3\n")),
    "a recipe with others": lambda folder: read_recipe(
        write(folder / "a.yaml", RECIPE.format(width="wide", other="text_filter"))
    ),
    "no such result": lambda folder: read_result(folder / "result.jsonl"),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_prepared_or_read_is_refused_in_chinese(
    tmp_path: Path, refused: Callable[[Path], object]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    with pytest.raises(InputError) as caught:
        refused(folder)
    for fault in caught.value.faults:
        check(fault)


def test_pictures_of_a_result_say_in_chinese_what_is_wrong(tmp_path: Path) -> None:
    lines = (
        '{"text": "猫"}\n{"images": ["a.png"]}\n{"images": ["a.png"], "text": "<__dj__image><__dj__image>"}\n'
    )
    for one in read_result(write(tmp_path / "result.jsonl", lines)):
        check(one.fault)
        if one.caption.fault:
            check(one.caption.fault)


def test_warnings_of_captions_and_sizes_are_chinese() -> None:
    captions = [Caption("小猫", encoding="GBK"), Caption("<image> 小猫"), Caption("<lora:ink:1> 小猫")]
    sizes = [(200, 100 + 20 * n) for n in range(5)]
    for said in (
        *caption_warnings(captions),
        *caption_warnings(captions[2:]),
        *dataset_warnings(["小猫"] * 5, sizes),
    ):
        check(said)
