"""The contract of files: nothing is written where something is refused, and no old word is lost."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from PIL import Image
from source_folders import put_files

from kit.dataset.captioning.caption_dataset import WRITE_EVERY_S, NewCaptions, caption_dataset
from kit.dataset.captioning.caption_places import caption_places
from kit.dataset.captioning.choices import Existing
from kit.dataset.captioning.wording import CaptionWording
from kit.dataset.sources import find_pictures
from kit.errors import InputError
from kit.messages import Language

OLD: Mapping[str, str | None] = {
    "a__png": None,
    "a__txt": "a cat, alone",
    "b__png": None,
    "c__png": None,
    "c__txt": "x",
}


TABLE = "file_name,text\na.png,old\nb.png,old\n"


class Parrot:
    """Says the same of every picture."""

    language: Language = "en"
    if_silent = "lower --threshold"

    def __init__(self, *parts: str) -> None:
        self.parts, self.asked = list(parts), 0

    def __call__(self, picture: Image.Image) -> Sequence[str]:
        assert picture.mode == "RGB"
        self.asked += 1
        return self.parts


def captioned(folder: Path, parrot: Parrot, wording: CaptionWording) -> tuple[NewCaptions, Path | None]:
    new = caption_dataset(caption_places(folder), parrot, wording, {}, lambda: None)
    return new, new.backup


def captions(folder: Path) -> dict[str, str]:
    return {one.name: one.caption.text for one in find_pictures(folder) if one.is_picture}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("a__txt", "old"),
        ("b__txt", None),
        ("b__caption", None),
        ("metadata__csv", TABLE),
        ("metadata__csv", None),
    ],
)
def test_what_another_wrote_meanwhile_is_never_written_over(
    tmp_path: Path, name: str, before: str | None
) -> None:
    put_files(tmp_path, a__png=None, b__png=None, **({} if before is None else {name: before}))

    def other() -> None:
        put_files(tmp_path, **{name: "file_name,text\na.png,by hand\n"})

    places, replace = caption_places(tmp_path), CaptionWording(existing="replace")
    with pytest.raises(InputError, match="was changed meanwhile: type the same again"):
        caption_dataset(places, Parrot("new"), replace, {}, other)
    now = contents(tmp_path)
    other()
    assert contents(tmp_path) == now
    assert not list(tmp_path.glob("captions-before-*"))


def test_a_caption_of_two_pictures_is_refused_where_either_would_be_written(tmp_path: Path) -> None:
    put_files(tmp_path, a__png=None, a__jpg=None, a__txt="old", b__png=None)
    new, _ = captioned(tmp_path, Parrot("new"), CaptionWording())
    assert list(new.captions.values()) == ["new"]
    with pytest.raises(InputError, match=r"a\.txt is the caption of both a\.jpg and a\.png: name them apart"):
        captioned(tmp_path, Parrot("other"), CaptionWording(existing="replace"))
    assert captions(tmp_path) == {"a.jpg": "old", "a.png": "old", "b.png": "new"}


def test_files_that_say_the_same_of_a_picture_do_so_afterwards(tmp_path: Path) -> None:
    put_files(tmp_path, a__png=None, a__txt="old", a__caption="old")
    captioned(tmp_path, Parrot("new"), CaptionWording(existing="replace"))
    assert captions(tmp_path) == {"a.png": "new"}
    assert {(tmp_path / name).read_text("utf-8") for name in ("a.txt", "a.caption")} == {"new\n"}


def test_by_default_pictures_with_a_caption_are_not_even_looked_at(tmp_path: Path) -> None:
    put_files(tmp_path, **OLD)
    parrot = Parrot("a dog", "smile")
    new, backup = captioned(tmp_path, parrot, CaptionWording(trigger="ink"))
    assert captions(tmp_path) == {"a.png": "a cat, alone", "b.png": "ink, a dog, smile", "c.png": "x"}
    assert (parrot.asked, new.kept, backup) == (1, 2, None)


def test_words_are_added_behind_those_that_are_there_once(tmp_path: Path) -> None:
    put_files(tmp_path, **OLD)
    for _ in range(2):
        _, backup = captioned(tmp_path, Parrot("a cat", "smile"), CaptionWording(existing="append"))
    assert captions(tmp_path) == {
        "a.png": "a cat, alone, smile",
        "b.png": "a cat, smile",
        "c.png": "x, a cat, smile",
    }
    assert backup is None


def test_words_that_give_way_are_kept_each_time_in_a_file_of_their_own(tmp_path: Path) -> None:
    put_files(tmp_path, **OLD)
    replace = CaptionWording(existing="replace")
    _, first = captioned(tmp_path, Parrot("one"), replace)
    _, second = captioned(tmp_path, Parrot("two"), replace)
    _, third = captioned(tmp_path, Parrot("two"), replace)
    assert first is not None
    assert second is not None
    assert third is None
    assert first.read_text("utf-8-sig").splitlines() == ["file_name,text", 'a.png,"a cat, alone"', "c.png,x"]
    assert second.read_text("utf-8-sig").splitlines()[1:] == ["a.png,one", "b.png,one", "c.png,one"]
    assert captions(tmp_path) == dict.fromkeys(("a.png", "b.png", "c.png"), "two")


def test_a_backup_can_be_used_as_the_table_it_is_laid_out_like(tmp_path: Path) -> None:
    put_files(tmp_path, **OLD)
    _, backup = captioned(tmp_path, Parrot("one"), CaptionWording(existing="replace"))
    assert backup is not None
    backup.rename(tmp_path / "metadata.csv")
    told = captions(tmp_path)
    assert (told["a.png"], told["c.png"]) == ("a cat, alone", "x")


@pytest.mark.parametrize("existing", ["keep", "append", "replace"])
@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("b__txt", b"\x00\xff\xfe\x00", "b.png has no caption: b.txt"),
        ("b__txt", b"x" * 70_000, "more than 65536 bytes"),
        ("a__caption", b"something else", "has captions that differ"),
    ],
)
def test_captions_that_cannot_be_read_are_never_written_over(
    tmp_path: Path, existing: Existing, name: str, content: bytes, told: str
) -> None:
    put_files(tmp_path, **{**OLD, name: content})
    before = contents(tmp_path)
    with pytest.raises(InputError, match=told):
        captioned(tmp_path, Parrot("new"), CaptionWording(existing=existing))
    assert contents(tmp_path) == before


class Stopped(Parrot):
    """Is stopped by ctrl-c at one of its pictures."""

    def __init__(self, at: int) -> None:
        super().__init__("new")
        self.at = at

    def __call__(self, picture: Image.Image) -> Sequence[str]:
        told = super().__call__(picture)
        if self.asked == self.at:
            raise KeyboardInterrupt
        return told


@pytest.mark.parametrize("table", [{}, {"metadata__csv": TABLE}])
def test_who_is_stopped_keeps_what_was_said_and_goes_on_with_the_rest(
    tmp_path: Path, table: Mapping[str, str]
) -> None:
    put_files(tmp_path, a__png=None, b__png=None, **table)
    with pytest.raises(KeyboardInterrupt):
        captioned(tmp_path, Stopped(at=2), CaptionWording(existing="replace"))
    assert captions(tmp_path) == {"a.png": "new", "b.png": "old" if table else ""}
    kept = {path.name: path.read_text("utf-8-sig") for path in tmp_path.glob("captions-before-*")}
    assert kept == ({"captions-before-1.csv": "file_name,text\na.png,old\n"} if table else {})
    captioned(tmp_path, Parrot("new"), CaptionWording(existing="replace" if table else "keep"))
    assert captions(tmp_path) == {"a.png": "new", "b.png": "new"}


def test_what_was_said_is_written_every_minute_and_old_words_into_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_files(tmp_path, **{**OLD, "b__txt": "y"})
    clock = iter(WRITE_EVERY_S * step for step in range(100))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    seen: list[list[str]] = []
    places, replace = caption_places(tmp_path), CaptionWording(existing="replace")
    new = caption_dataset(
        places, Parrot("new"), replace, {}, lambda: seen.append(list(captions(tmp_path).values()))
    )
    assert seen == [["new", "y", "x"], ["new", "new", "x"], ["new", "new", "new"]]
    [backup] = tmp_path.glob("captions-before-*")
    assert new.backup == backup
    assert backup.read_text("utf-8-sig").splitlines()[1:] == ['a.png,"a cat, alone"', "b.png,y", "c.png,x"]


def test_a_picture_of_which_nothing_is_said_is_named_and_the_others_get_theirs(tmp_path: Path) -> None:
    class Shy(Parrot):
        def __call__(self, picture: Image.Image) -> Sequence[str]:
            said = super().__call__(picture)
            return said if self.asked > 1 else ()

    put_files(tmp_path, a__png=None, b__png=None)
    new, _ = captioned(tmp_path, Shy("a dog"), CaptionWording(trigger="ink"))
    assert (list(new.silent), new.kept) == (["a.png"], 0)
    assert captions(tmp_path) == {"a.png": "", "b.png": "ink, a dog"}


def test_where_nothing_is_said_of_any_picture_that_is_an_error(tmp_path: Path) -> None:
    put_files(tmp_path, **OLD)
    before = contents(tmp_path)
    for parrot in (Parrot(), Parrot("solo")):
        with pytest.raises(
            InputError, match=r"1 picture would have an empty caption \(b.png\): lower --threshold"
        ):
            captioned(tmp_path, parrot, CaptionWording(trigger="ink", blacklist=frozenset({"solo"})))
    assert contents(tmp_path) == before


def test_a_torn_picture_is_named_and_the_others_get_theirs(tmp_path: Path) -> None:
    put_files(tmp_path, a__png=b"\x89PNG\r\n\x1a\n torn", b__png=None)
    new, _ = captioned(tmp_path, Parrot("a dog"), CaptionWording())
    assert list(new.unopened) == ["a.png"]
    assert captions(tmp_path)["b.png"] == "a dog"
    (tmp_path / "b.png").write_bytes(b"no picture either")
    with pytest.raises(InputError, match=r"b\.png"):
        captioned(tmp_path, Parrot("a dog"), CaptionWording(existing="replace"))
