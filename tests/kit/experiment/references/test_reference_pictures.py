"""The pictures of characters: what is refused, and what a run keeps of them."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from command import refused
from kept_cast import HEAD, written
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kit.errors import InputError
from kit.experiment.config import load_experiment
from kit.experiment.references.kept_pictures import kept_png, size_or_fault
from kit.experiment.references.reference_pictures import kept_references, read_reference
from kit.experiment.run import Run
from kit.files.encodings import sha256_bytes


def experiment(folder: Path, picture: str, *lines: str) -> Path:
    head = HEAD.replace("一个小女孩", f'一个小女孩"\nreference = "{picture}')
    return written(folder, "consistency = 0.7", *lines, head=head)


def photo(path: Path, size: tuple[int, int], mode: str = "RGB") -> Path:
    Image.effect_noise(size, 60).convert(mode).save(path)
    return path


@pytest.mark.parametrize(
    ("picture", "fault"),
    [
        ("grl.png", "file grl.png does not exist in {folder}, did you mean girl.png?"),
        ("text.png", "text.png is not a picture of a known format (PNG, JPEG, WEBP)"),
        ("moving.gif", "moving.gif is GIF, must be one of PNG, JPEG, WEBP"),
        (
            "small.png",
            "small.png has 200 x 255 pixels, a picture of a character needs 256 along its longer side: take "
            "a larger one",
        ),
    ],
)
def test_a_picture_that_cannot_be_used_is_one_line_with_its_place(tmp_path, picture, fault):
    photo(tmp_path / "girl.png", (256, 256))
    photo(tmp_path / "small.png", (200, 255))
    Image.new("P", (300, 300)).save(tmp_path / "moving.gif")
    (tmp_path / "text.png").write_text("no picture")
    told = refused("generate", experiment(tmp_path, picture), "--out", tmp_path / "run")
    assert f"stories[1] street: characters.girl.reference: {fault.format(folder=tmp_path)}" in told
    assert not (tmp_path / "run").exists()


def test_a_picture_of_one_colour_shows_nobody(tmp_path):
    Image.new("RGB", (256, 256), "red").save(tmp_path / "girl.png")
    told = refused("generate", experiment(tmp_path, "girl.png"), "--out", tmp_path / "run")
    assert "has one colour all over and shows nobody: take another picture" in told
    assert not (tmp_path / "run" / "panels").exists()


def test_a_picture_is_kept_whole_on_white_and_no_larger_than_a_panel(tmp_path):
    tall = np.asarray(read_reference(photo(tmp_path / "tall.jpg", (200, 400))))
    assert tall.shape == (400, 400, 3)
    assert (tall[:, :100] == 255).all()
    assert (tall[:, 300:] == 255).all()
    assert tall[:, 100:300].std() > 10
    assert read_reference(photo(tmp_path / "large.png", (3000, 1500))).size == (1024, 1024)
    clear = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    clear.paste((200, 0, 0, 255), (100, 100, 150, 150))
    clear.save(tmp_path / "clear.png")
    assert read_reference(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)


def test_a_run_keeps_the_picture_and_needs_the_users_no_more(tmp_path):
    photo(tmp_path / "girl.png", (300, 256))
    run = Run.create(tmp_path / "run", load_experiment(experiment(tmp_path, "girl.png")))
    (tmp_path / "girl.png").unlink()
    [kept] = (run.folder / "references").iterdir()
    assert kept.stem == sha256_bytes(kept.read_bytes())
    [story] = run.loaded.stories
    assert story.story.characters["girl"].reference == f"../references/{kept.name}"
    assert story.story.characters["cat"].reference is None
    stories, pictures = kept_references(run.loaded.stories)
    assert pictures == {kept.stem: kept.read_bytes()}
    assert stories == run.loaded.stories, "what a run keeps is kept as it is"


def test_a_picture_that_a_run_lost_is_told_in_one_line(tmp_path):
    photo(tmp_path / "girl.png", (256, 256))
    run = Run.create(tmp_path / "run", load_experiment(experiment(tmp_path, "girl.png")))
    for path in (run.folder / "references").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="does not exist"):
        kept_references(run.loaded.stories)


def test_a_long_strip_is_made_smaller_before_it_is_made_square(tmp_path):
    strip = Image.linear_gradient("L").resize((60, 2400)).convert("RGB")
    strip.save(tmp_path / "strip.png")
    kept = read_reference(tmp_path / "strip.png")
    assert kept.size == (1024, 1024)
    assert kept.getpixel((0, 0)) == (255, 255, 255)
    assert kept.crop((500, 0, 524, 1024)).getextrema() != ((255, 255),) * 3


@pytest.mark.parametrize("kind", ["JPEG", "text", "wide"])
def test_a_kept_picture_of_another_form_is_written_anew(tmp_path, kind):
    folder = tmp_path / "references"
    folder.mkdir()
    picture = Image.linear_gradient("L").resize((300, 200 if kind == "wide" else 300)).convert("RGB")
    more = PngInfo()
    if kind == "text":
        more.add_text("note", "mine")
    picture.save(folder / "a", "JPEG" if kind == "JPEG" else "PNG", pnginfo=more)
    data = (folder / "a").read_bytes()
    path = (folder / "a").rename(folder / f"{sha256_bytes(data)}.png")
    kept = kept_png(path, "references", read_reference)
    assert kept != data
    opened = Image.open(BytesIO(kept))
    assert (opened.format, opened.mode, opened.size, opened.info) == ("PNG", "RGB", (300, 300), {})
    again = folder / f"{sha256_bytes(kept)}.png"
    again.write_bytes(kept)
    assert kept_png(again, "references", read_reference) == kept


def test_a_name_that_no_file_can_have_is_one_line():
    assert size_or_fault("a\0.png", Path("a\0.png")) == "a\\x00.png does not exist"
