import pytest
from PIL import Image
from toy_training import write_dataset

from kit.dataset.read import open_cropped, read_dataset
from kit.errors import InputError


def test_the_contests_layout_is_read(tmp_path):
    folder = write_dataset(tmp_path, '1.png,二次元\n2.png,"小猫，在公园里"\n')
    assert [(entry.path.name, entry.text) for entry in read_dataset(folder)] == [
        ("1.png", "二次元"),
        ("2.png", "小猫，在公园里"),
    ]


def test_every_fault_of_a_dataset_is_named_with_its_line(tmp_path):
    folder = write_dataset(tmp_path, "1.png,\n3.png,小猫\nbad.png,小狗\n,小鸟\n2.png,小鱼\n")
    (folder / "bad.png").write_bytes(b"no picture")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    with pytest.raises(InputError) as refused:
        read_dataset(folder)
    expected = [
        "line 2: 1.png has no caption: metadata.csv line 2 is empty",
        "line 3: 3.png does not exist",
        "line 4: bad.png is not a picture of a known format",
        "line 5: names no file",
        "line 6: 2.png is damaged",
    ]
    assert [fault.startswith(start) for fault, start in zip(refused.value.faults, expected, strict=True)] == [
        True
    ] * 5


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("file_name,caption\n1.png,x\n", "columns file_name and text"),
        ("file_name,text\n", "at least one picture"),
        ("", "columns file_name and text"),
        ('file_name,text\n1.png,"x\n', "line 2: a quote opens and is not closed"),
    ],
)
def test_a_table_without_pictures_or_captions_is_refused(tmp_path, text, fault):
    (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(InputError, match=fault):
        read_dataset(tmp_path)


def test_a_dataset_without_its_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"metadata\.csv"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(("mode", "shape"), [("RGBA", (80, 40)), ("L", (40, 80)), ("RGB", (33, 33))])
def test_any_picture_becomes_an_rgb_square(tmp_path, mode, shape):
    Image.new(mode, shape).save(tmp_path / "a.png")
    picture = open_cropped(tmp_path / "a.png", (64, 64))
    assert (picture.size, picture.mode) == ((64, 64), "RGB")


def test_the_square_is_the_centre(tmp_path):
    wide = Image.new("RGB", (96, 32), "red")
    wide.paste("blue", (32, 0, 64, 32))
    wide.save(tmp_path / "a.png")
    assert open_cropped(tmp_path / "a.png", (32, 32)).getcolors() == [(32 * 32, (0, 0, 255))]


def test_a_caption_that_looks_like_a_formula_is_a_caption(tmp_path):
    folder = write_dataset(tmp_path, "1.png,'@artist; red hair\n2.png,=^.^= a cat\n")
    assert [entry.text for entry in read_dataset(folder)] == ["'@artist; red hair", "=^.^= a cat"]
