import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from source_folders import captions_told, put_files

from kit.dataset.data_juicer import RatioFilter, ShapeFilter, keeps, read_recipe, read_result, sample_captions
from kit.dataset.listed import FoundPicture
from kit.errors import InputError
from kit.story.trigger import Captioning, captions_of

SIDES = st.integers(1, 4000)
SIZES = st.tuples(SIDES, SIDES)
SAMPLES = st.lists(SIZES, max_size=4)
QUANTITIES = st.sampled_from(["any", "all"])
CONTEST = """
project_name: data-process
dataset_path: ./input/metadata.jsonl
text_keys: text
image_key: image
np: 4
process:
  - image_shape_filter:
      min_width: 1024
      min_height: 1024
      any_or_all: any
  - image_aspect_ratio_filter:
      min_ratio: 0.5
      max_ratio: 2.0
      any_or_all: any
"""
GOLDEN = [
    ("both sides at the bound", [(1024, 1024)], True),
    ("a pixel narrower", [(1023, 1024)], False),
    ("a pixel lower", [(1024, 1023)], False),
    ("ratio at the upper bound", [(2048, 1024)], True),
    ("ratio just above it", [(2049, 1024)], False),
    ("ratio at the lower bound", [(1024, 2048)], True),
    ("ratio just below it", [(1024, 2049)], False),
    ("one of two is large", [(10, 10), (1024, 1024)], True),
    ("none of two is large", [(10, 10), (1024, 900)], False),
    ("one is large, the other has the ratio", [(5000, 1024), (10, 10)], True),
    ("no picture at all", [], True),
]
"""Samples and whether Data-Juicer's documented rule keeps them with the contest's recipe."""


def recipe(folder, text):
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("sizes", "kept"), [case[1:] for case in GOLDEN], ids=[case[0] for case in GOLDEN])
def test_the_contests_recipe_keeps_what_data_juicer_keeps(tmp_path, sizes, kept):
    rules = read_recipe(recipe(tmp_path, CONTEST)).filters
    assert all(keeps(rule, sizes) for rule in rules) == kept


def test_the_defaults_are_data_juicers(tmp_path):
    text = "process:\n - image_shape_filter:\n - image_aspect_ratio_filter: {num_proc: 2}\n"
    assert read_recipe(recipe(tmp_path, text)).filters == (
        ShapeFilter(
            min_width=1, max_width=sys.maxsize, min_height=1, max_height=sys.maxsize, any_or_all="any"
        ),
        RatioFilter(min_ratio=0.333, max_ratio=3.0, any_or_all="any"),
    )


@given(SAMPLES, SIDES, SIDES, QUANTITIES)
def test_a_shape_filter_counts_its_bounds_as_within(sizes, low, high, quantity):
    rule = ShapeFilter(min_width=low, max_width=high, min_height=low, max_height=high, any_or_all=quantity)
    held = [w >= low and w <= high and h >= low and h <= high for w, h in sizes]
    assert keeps(rule, sizes) == (not sizes or {"any": any, "all": all}[quantity](held))


@given(SAMPLES, st.floats(0.01, 9), st.floats(0.01, 9), QUANTITIES)
def test_a_ratio_is_width_over_height_and_its_bounds_count_as_within(sizes, low, high, quantity):
    rule = RatioFilter(min_ratio=low, max_ratio=high, any_or_all=quantity)
    held = [not (w / h < low or w / h > high) for w, h in sizes]
    assert keeps(rule, sizes) == (not sizes or {"any": any, "all": all}[quantity](held))


@given(SIZES, SIDES)
def test_a_sample_of_one_picture_is_kept_by_any_exactly_if_by_all(size, low):
    one, every = (ShapeFilter(min_width=low, any_or_all=quantity) for quantity in ("any", "all"))
    assert keeps(one, [size]) == keeps(every, [size])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("process: [{image_nsfw_filter: {}}]", r"process\[1\]: image_nsfw_filter is not applied here"),
        ("process: [image_shape_filter]", "must be one operator with its settings"),
        ("process: [{image_shape_filter: 3}]", "image_shape_filter must have settings"),
        ("process: [{image_shape_filter: {reversed_range: true}}]", "reversed_range: unknown key"),
        ("process: [{image_shape_filter: {min_width: wide}}]", r"image_shape_filter\.min_width: must be"),
        ("process: [{image_aspect_ratio_filter: {any_or_all: most}}]", "any_or_all: must be 'any' or 'all'"),
        ("np: 4", "must have a list of operators under process"),
        ("- a", "must have a list of operators under process"),
        ("process: [", "is not YAML"),
        ("[" * 20000, "is nested more than 32 deep"),
    ],
)
def test_a_recipe_that_would_keep_other_pictures_is_refused(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason):
        read_recipe(recipe(tmp_path, text))


def test_every_fault_of_a_recipe_is_named(tmp_path):
    text = "process: [{a: {}}, {b: {}}, {image_shape_filter: {c: 1, d: 2}}]"
    with pytest.raises(InputError) as refused:
        read_recipe(recipe(tmp_path, text))
    assert len(refused.value.faults) == 4


@pytest.mark.parametrize("wrong", [{"min_ratio": float("nan")}, {"any_or_all": "none"}])
def test_a_bound_must_be_a_number(wrong):
    with pytest.raises(ValidationError):
        RatioFilter(**wrong)


@pytest.mark.parametrize(
    ("text", "pictures", "captions"),
    [
        ("二次元", 1, ["二次元"]),
        ("<__dj__image> a cat <|__dj__eoc|>", 1, ["a cat"]),
        ("<__dj__image><__dj__image> two <|__dj__eoc|> <__dj__image> one", 3, ["two", "two", "one"]),
        ("talk <|__dj__eoc|> <__dj__image> a cat <__dj__audio>", 1, ["a cat"]),
        ("said of <|__dj__eoc|> all", 2, ["said of all", "said of all"]),
        ("<__dj__image> a cat", 2, None),
        ("<__dj__image> <|__dj__eoc|>", 1, [""]),
    ],
)
def test_a_picture_gets_the_chunk_of_the_text_that_marks_it(text, pictures, captions):
    assert sample_captions(text, pictures) == captions


CAPTIONS = ("小猫", "水墨，小狗", "水墨画的小猫", "a cat", "ink, a cat", "ink on paper", "inkwell", "ink猫")


@pytest.mark.parametrize(("trigger", "language"), [("水墨", "zh"), ("ink", "en"), ("", "zh")])
def test_preparing_and_training_put_the_trigger_before_the_same_captions(trigger, language):
    prepared = [Captioning(trigger=trigger).of(caption) for caption in CAPTIONS]
    trained = captions_of(CAPTIONS, trigger, language)
    led = [[said != own for said, own in zip(made, CAPTIONS, strict=True)] for made in (prepared, trained)]
    assert led[0] == led[1]
    assert captions_of(prepared, trigger, language) == prepared


def test_training_puts_the_comma_of_its_language_behind_the_trigger():
    assert captions_of(["小猫", "水墨，小狗"], "水墨", "zh") == ["水墨，小猫", "水墨，小狗"]
    assert captions_of(["小猫"], "ink", "en") == ["ink, 小猫"]


def result(folder: Path, *rows: object) -> list[FoundPicture]:
    folder.mkdir(exist_ok=True)
    path = folder / "result.jsonl"
    lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("\n".join(lines), encoding="utf-8")
    return read_result(path)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../outside/secret.png", "leads out of the folder"),
        ("none.png", "does not exist"),
        ("", "names no file"),
        (".", "is no file"),
        ("a\0b", "names no file"),
        ("x" * 5000, "cannot be reached"),
        ("\ud800.png", "cannot be reached"),
    ],
)
def test_a_listed_path_that_is_no_picture_of_the_folder_is_a_fault(tmp_path, name, fault):
    put_files(tmp_path / "outside", secret__png=None)
    [found] = result(tmp_path / "in", json.dumps({"images": [name], "text": "x"}))
    assert found.fault.startswith(fault)
    found.name.encode()


def test_a_juicers_result_tells_each_pictures_caption_and_sample(tmp_path):
    put_files(tmp_path, a__png=None, b__png=None)
    chunks = "<__dj__image> a cat <|__dj__eoc|> <__dj__image> a dog <|__dj__eoc|>"
    found = result(
        tmp_path,
        {"images": ["a.png", str(tmp_path / "b.png")], "text": chunks, "__dj__stats__": {}},
        {"image": ["a.png"], "text": "二次元"},
        {"images": "b.png", "text": "one"},
    )
    assert [(one.path.name, one.sample, one.caption.text, one.fault) for one in found] == [
        ("a.png", 0, "a cat", ""),
        ("b.png", 0, "a dog", ""),
        ("a.png", 1, "二次元", ""),
        ("b.png", 2, "one", ""),
    ]


def test_a_line_of_a_result_that_cannot_be_used_is_a_fault_of_that_line(tmp_path):
    put_files(tmp_path, a__png=None)
    must = "must be an object with a list of pictures in images"
    assert captions_told(
        result(tmp_path, "no json", {"text": "x"}, {"images": [3], "text": "x"}, {"images": ["a.png"]})
        + result(tmp_path, {"images": ["a.png"], "text": "<__dj__image><__dj__image>"})
    ) == [
        ("result.jsonl line 1", must),
        ("result.jsonl line 2", must),
        ("result.jsonl line 3", must),
        ("a.png", "has no caption: result.jsonl line 4 has no text"),
        ("a.png", "has no caption: result.jsonl line 1 marks 2 pictures and lists 1"),
    ]


def test_a_link_beside_an_absolute_path_must_not_lead_out_of_its_folder(tmp_path):
    outside = put_files(tmp_path / "outside", secret__png=None)
    (put_files(tmp_path / "in") / "a.png").symlink_to(outside / "secret.png")
    [found] = result(tmp_path, {"images": [str(tmp_path / "in" / "a.png")], "text": "x"})
    assert found.fault == "leads out of the folder"


OWN = """
text_keys: [caption, text]
image_key: pictures
image_special_token: '<image>'
eoc_special_token: '<|__eoc|>'
process:
  - image_shape_filter: {min_width: 64}
"""


def test_keys_and_marks_of_a_recipe_are_those_of_its_result(tmp_path):
    put_files(tmp_path, a__png=None, b__png=None)
    layout = read_recipe(recipe(tmp_path, OWN)).layout
    row = {
        "pictures": ["a.png", "b.png"],
        "caption": "<image>\na cat <|__eoc|> <image> a dog",
        "text": "no",
        "images": ["no.png"],
    }
    (tmp_path / "result.jsonl").write_text(json.dumps(row))
    assert captions_told(read_result(tmp_path / "result.jsonl", layout)) == [
        ("a.png", "a cat"),
        ("b.png", "a dog"),
    ]


def test_a_row_without_the_recipes_keys_is_a_fault_that_names_them(tmp_path):
    put_files(tmp_path, a__png=None)
    layout = read_recipe(recipe(tmp_path, OWN)).layout
    rows = [{"images": ["a.png"], "caption": "x"}, {"pictures": ["a.png"], "text": "x"}]
    (tmp_path / "result.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert captions_told(read_result(tmp_path / "result.jsonl", layout)) == [
        ("result.jsonl line 1", "must be an object with a list of pictures in pictures"),
        ("a.png", "has no caption: result.jsonl line 2 has no caption"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_result_from_windows_or_an_old_mac_is_read(tmp_path, end):
    put_files(tmp_path / "img", a__png=None)
    rows = [json.dumps({"images": ["img\\a.png"], "text": text}) for text in ("a cat", "a dog")]
    (tmp_path / "result.jsonl").write_bytes(f"\ufeff{end.join(rows)}".encode())
    assert captions_told(read_result(tmp_path / "result.jsonl")) == [
        ("img\\a.png", "a cat"),
        ("img\\a.png", "a dog"),
    ]


def test_what_a_recipe_says_wrongly_of_its_result_is_a_fault(tmp_path):
    with pytest.raises(InputError) as refused:
        read_recipe(recipe(tmp_path, "process: []\ntext_keys: 3\nimage_special_token: ''\nimage_key: [a]"))
    assert [fault.split(":")[0] for fault in refused.value.faults] == [
        "text_keys",
        "image_key",
        "image_special_token",
    ]
