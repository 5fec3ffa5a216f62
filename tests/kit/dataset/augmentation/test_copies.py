import pytest
from fakes import fake_picture

from kit.dataset.augmentation.copies import PlannedCopies, left_alone_notes, plan_copies
from kit.dataset.augmentation.settings import Augmentation
from kit.dataset.filters import SourcePicture
from kit.dataset.listed import FoundPicture
from kit.images.near_duplicates import perceptual_hash

CAPTIONS = {
    "plain": "a dog in the park",
    "letters": "a shop sign",
    "face": "a portrait of a man",
    "side": "a cat on the left",
}
ALL = {"mirror": True, "crop": 0.8, "turn": 5, "colour": 0.1, "train_size": 32}


@pytest.fixture
def kept(tmp_path):
    """Return four pictures of 64 pixels, named by what their captions tell of."""
    found = []
    for number, name in enumerate(CAPTIONS):
        picture = fake_picture(name, 64)
        picture.save(tmp_path / f"{name}.png")
        one = FoundPicture(name=f"{name}.png", path=tmp_path / f"{name}.png", sample=number)
        hash_ = perceptual_hash(picture)
        found.append(SourcePicture(number=number, found=one, size=picture.size, hash=hash_, flat=False))
    return found


def planned(kept, shows_letters=None, **asked) -> PlannedCopies:
    captions = [CAPTIONS[one.found.name.removesuffix(".png")] for one in kept]
    augmentation = Augmentation.model_validate(ALL | asked)
    return plan_copies(kept, captions, augmentation, shows_letters, lambda: None)


def kinds(copies: PlannedCopies) -> list[list[str]]:
    return [[change.kind for change in changes] for changes in copies.changes]


def test_letters_and_faces_are_neither_mirrored_nor_turned_and_sides_not_mirrored(kept):
    copies = planned(kept)
    spared = ["crop", "colour"]
    assert kinds(copies) == [["mirror", "crop", "turn", "colour"], spared, spared, ["crop", "turn", "colour"]]
    assert copies.left_alone == {"letters": ["letters.png"], "face": ["face.png"], "side": ["side.png"]}


def test_who_asks_for_it_gets_letters_and_faces_changed_but_no_caption_that_lies(kept):
    copies = planned(kept, letters_and_faces="change")
    assert copies.counts == {"mirror": 3, "crop": 4, "turn": 4, "colour": 4}
    assert copies.left_alone == {"side": ["side.png"]}


def test_letters_that_are_read_in_a_picture_count_as_those_of_a_caption(kept):
    copies = planned(kept, lambda picture: picture.tobytes() == fake_picture("plain", 64).tobytes())
    assert copies.left_alone["letters"] == ["plain.png", "letters.png"]
    assert copies.letters_read
    assert not planned(kept, lambda _: True, letters_and_faces="change").letters_read


def test_a_seed_gives_the_same_changes_whatever_else_is_in_the_dataset_or_asked_for(kept):
    assert planned(kept).changes == planned(kept).changes
    assert planned(kept[::-1]).changes == planned(kept).changes[::-1]
    alone = planned(kept[:1], mirror=False, turn=None, colour=None, copies=3).changes[0]
    assert alone[0] == planned(kept).changes[0][1]
    assert len(set(alone)) == 3
    assert planned(kept, seed=1).changes != planned(kept).changes


def test_pictures_that_are_too_small_for_a_crop_or_a_turn_are_named(kept):
    copies = planned(kept, train_size=64)
    assert copies.counts == {"mirror": 1, "colour": 4}
    assert copies.left_alone["small"] == ["plain.png", "letters.png", "face.png", "side.png"]
    notes = left_alone_notes(copies, Augmentation.model_validate(ALL | {"train_size": 64}))
    assert (
        "4 of 4 pictures are too small for a crop or a turn that leaves 64 pixels a side: plain.png, "
        "letters.png, face.png and 1 more; if training sees less, say so with --train-size"
    ) in notes


def test_what_faces_and_letters_were_known_by_is_said_only_where_it_counts(kept):
    def last_note(shows_letters=None, **asked):
        copies = planned(kept, shows_letters, **asked)
        return ["", *left_alone_notes(copies, Augmentation.model_validate(ALL | asked))][-1]

    assert "letters and faces were looked for in captions alone" in last_note()
    assert last_note(lambda _: False).startswith("faces were looked for in captions alone")
    assert "alone" not in last_note(mirror=False, turn=None)
    assert "alone" not in last_note(letters_and_faces="change")
