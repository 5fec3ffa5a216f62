import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from eval.mini.training.architecture import CONTEXT, END, build_tokenizer, half, start_clip_folder
from eval.mini.training.zero_shot import names_of
from eval.scorers.clip import EMBEDDED_WEIGHTS, ClipEncoder, Tokenize, open_folder
from kit.errors import ScoreError, WeightsError
from kit.files.encodings import sha256_of
from kit.world import words
from kit.world.render import render
from kit.world.scene import STYLES, Character, Scene, is_held_out, sample_scene

TEXTS = ("小女孩，在公园里", "一只小狗奔跑", "a little girl runs in the park", "水墨画")
LONG = "，".join(["小女孩在公园里奔跑"] * 15)
embedded = pytest.mark.skipif(
    not any(EMBEDDED_WEIGHTS.glob("*.safetensors")), reason="the embedded weights are not there"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in the embedded encoder's layout, with random weights."""
    place = tmp_path_factory.mktemp("clip") / "tiny"
    start_clip_folder(place, TEXTS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = open_folder(place, weights=False).network
    save_file(half(network), place / "open_clip_model.safetensors")
    return place


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in the published encoders' layout, with CLIP's own tokenizer and random weights."""
    place = tmp_path_factory.mktemp("clip") / "plain"
    place.mkdir()
    vision = {"image_size": 32, "patch_size": 16, "layers": 1, "width": 32, "head_width": 16}
    text = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    config = {"model_cfg": {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}, "preprocess_cfg": {}}
    (place / "open_clip_config.json").write_text(json.dumps(config), "utf-8")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = open_folder(place, weights=False).network
    save_file(network.state_dict(), place / "open_clip_model.safetensors")
    return place


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ClipEncoder:
    return ClipEncoder.load(folder)


def noise(count: int, size: tuple[int, int] = (40, 40)) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)) for _ in range(count)]


def test_rows_have_unit_length_whatever_the_size_of_the_picture(encoder: ClipEncoder) -> None:
    rows = encoder.pictures([*noise(2), *noise(1, (300, 120))])
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert np.linalg.norm(encoder.texts(["小狗", LONG]), axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_a_row_depends_on_its_picture_alone(encoder: ClipEncoder) -> None:
    panels = noise(35)
    together = encoder.pictures(panels)
    apart = np.concatenate([encoder.pictures([panels[k]]) for k in (0, 17, 34)])
    assert together[[0, 17, 34]] == pytest.approx(apart, abs=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-4


def test_a_text_row_depends_on_its_text_alone(encoder: ClipEncoder) -> None:
    together = encoder.texts([LONG, "小狗", LONG + "，水墨画"])
    apart = np.concatenate([encoder.texts([text]) for text in (LONG, "小狗", LONG + "，水墨画")])
    assert together == pytest.approx(apart, abs=1e-5)


def test_transparent_pictures_are_read_as_rgb(encoder: ClipEncoder) -> None:
    (panel,) = noise(1)
    assert encoder.pictures([panel.convert("RGBA")]) == pytest.approx(encoder.pictures([panel]))


def test_a_text_that_fits_is_read_whole(encoder: ClipEncoder) -> None:
    text = "小女孩，在公园里，奔跑"
    assert list(encoder.pieces(text)) == [text]


@pytest.mark.parametrize("which", ["folder", "plain"])
def test_no_clause_of_a_long_text_is_dropped(which: str, request: pytest.FixtureRequest) -> None:
    place: Path = request.getfixturevalue(which)
    encoder, tokenize = ClipEncoder.load(place), open_folder(place).tokenize
    text = ", ".join(f"a little girl {k} runs in the park" for k in range(40))
    pieces = list(encoder.pieces(text))
    assert 1 < len(pieces) < 40
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")
    assert all(end_of(tokenize, piece) <= len(tokenize([piece])[0]) for piece in pieces)
    assert np.abs(encoder.texts([text]) - encoder.texts([text.replace("girl 39", "dog")])).max() > 1e-5


def end_of(tokenize: Tokenize, text: str) -> int:
    """Return how many tokens the text needs, start and end included."""
    wide = tokenize([text], context_length=2000)[0].tolist()
    end = END if len(tokenize([""])[0]) == CONTEXT else 49407
    return wide.index(end) + 1


def test_a_clause_longer_than_the_context_keeps_its_end_token(folder: Path, encoder: ClipEncoder) -> None:
    endless = "女" * 500
    tokens = open_folder(folder).tokenize([endless])[0]
    assert (len(tokens), int(tokens[-1])) == (CONTEXT, END)
    assert list(encoder.pieces(endless)) == [endless]
    assert np.isfinite(encoder.texts([endless])).all()


def test_a_long_text_is_the_mean_of_its_pieces(encoder: ClipEncoder) -> None:
    rows = encoder.texts(list(encoder.pieces(LONG + "，水墨画，小狗")))
    mean = rows.mean(axis=0)
    assert encoder.texts([LONG + "，水墨画，小狗"])[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_each_chinese_character_is_a_token_and_foreign_words_fall_into_letters() -> None:
    tokenizer = build_tokenizer(TEXTS)
    assert tokenizer.tokenize("小女孩") == ["小", "女", "孩"]
    assert tokenizer.tokenize("A GIRL") == ["a", "girl"]
    assert tokenizer.tokenize("girls") == ["girl", "##s"]
    assert tokenizer.unk_token not in tokenizer.tokenize("zyx 2026, girl-park")
    assert tokenizer.tokenize("龘") == [tokenizer.unk_token]
    assert tokenizer("小狗，公园").input_ids == tokenizer("小狗,公园").input_ids


def test_the_stamp_names_the_weights_and_the_preprocessing(folder: Path, plain: Path, tmp_path: Path) -> None:
    one, other = ClipEncoder.load(folder).stamp, ClipEncoder.load(plain).stamp
    assert one.weights_sha256 == sha256_of(folder / "open_clip_model.safetensors")
    assert (one.embedded, other.embedded) == (True, False)
    assert "drawn world" in one.weights
    assert other.weights == "plain"
    assert one.preprocessing != other.preprocessing
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert ClipEncoder.load(copy).stamp == one


def test_nothing_to_encode_is_an_error(encoder: ClipEncoder) -> None:
    with pytest.raises(ScoreError, match="at least 1 picture"):
        encoder.pictures([])
    with pytest.raises(ScoreError, match="at least 1 text"):
        encoder.texts([])


def test_a_folder_that_lacks_something_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"must hold open_clip_config\.json"):
        ClipEncoder.load(tmp_path)
    shutil.copy(folder / "open_clip_config.json", tmp_path)
    with pytest.raises(WeightsError, match=r"must hold one of open_clip_model\.safetensors"):
        ClipEncoder.load(tmp_path)
    shutil.copytree(folder, tmp_path / "torn")
    weights = tmp_path / "torn" / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="that open_clip can load"):
        ClipEncoder.load(tmp_path / "torn")


def held_out(count: int) -> Iterator[Scene]:
    """Yield scenes that no training has seen, all styles alike."""
    rng, found = random.Random(2026), 0
    while found < count:
        scene = sample_scene(rng, STYLES[found % len(STYLES)])
        if is_held_out(scene) and len(scene.characters) == 1:
            found += 1
            yield scene


@embedded
def test_the_embedded_encoder_is_small() -> None:
    assert sum(path.stat().st_size for path in EMBEDDED_WEIGHTS.iterdir()) <= 6_000_000


@embedded
@pytest.mark.parametrize(("girl", "dog"), [("小女孩", "小狗"), ("a little girl", "a dog")])
def test_a_girl_is_nearer_to_her_name_than_to_a_dogs(girl: str, dog: str) -> None:
    encoder = ClipEncoder.load("mini")
    figure = Character(kind="girl", colour="red", hair="black", hair_length="long")
    pet = Character(kind="dog", colour="brown")
    scenes = [
        Scene(characters=(who,), place="park", style=style) for style in STYLES for who in (figure, pet)
    ]
    likeness = encoder.pictures([render(scene).picture for scene in scenes]) @ encoder.texts([girl, dog]).T
    assert (likeness[::2, 0] > likeness[::2, 1]).all()
    assert (likeness[1::2, 1] > likeness[1::2, 0]).all()


@embedded
def test_the_embedded_encoder_names_kind_place_and_style_of_unseen_scenes() -> None:
    encoder, scenes = ClipEncoder.load("mini"), list(held_out(60))
    rows = encoder.pictures([render(scene).picture for scene in scenes])
    for language in ("zh", "en"):
        kinds, places, styles = (
            list(names_of(names)) for names in (words.KINDS["zh"], words.PLACES["zh"], words.STYLES["zh"])
        )
        for things, names, truths, floor in (
            (kinds, words.KINDS[language], [scene.characters[0].kind for scene in scenes], 0.9),
            (places, words.PLACES[language], [scene.place for scene in scenes], 0.9),
            (styles, words.STYLES[language], [scene.style for scene in scenes], 0.9),
        ):
            nearest = (rows @ encoder.texts(list(names_of(names).values())).T).argmax(1)
            right = [things[k] == truth for k, truth in zip(nearest, truths, strict=True)]
            assert np.mean(right) >= floor


@embedded
def test_a_picture_is_nearest_to_its_own_prompt_even_if_that_is_long() -> None:
    encoder = ClipEncoder.load("mini")
    places = ("park", "kitchen", "stage", "snow")
    girl = Character(kind="girl", colour="red", hair="black", hair_length="long")
    panels = [render(Scene(characters=(girl,), place=place)).picture for place in places]
    block = "一个黑色长发小女孩，穿着红色裙子，" * 6
    texts = [f"{block}{words.PLACES['zh'][place][0]}，全身" for place in places]
    assert ((encoder.pictures(panels) @ encoder.texts(texts).T).argmax(0) == np.arange(4)).all()
