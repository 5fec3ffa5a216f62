import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eval.mini.training.architecture import CONTEXT, build_tokenizer
from eval.mini.training.corpus import read_corpus, read_texts, tokenise
from eval.mini.training.degradations import DAMAGES, clean_quality, damage, quality
from eval.mini.training.main import contrast, main
from eval.mini.training.shards import Labels, Task, paths_of, read_labels, read_pictures, render_shards
from eval.mini.training.zero_shot import name_scene, shorten
from eval.scorers.aesthetic import AestheticScorer
from eval.scorers.clip import ClipEncoder
from kit.errors import TrainError
from kit.files.encodings import sha256_of
from kit.world import words
from kit.world.scene import is_held_out


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "shards"
    render_shards(Task(folder=folder, index=0, count=12, seed=0, held_out=False), workers=1)
    return folder


def read(folder: Path) -> Labels:
    return read_labels(paths_of(folder)[0])


def test_all_styles_are_rendered_alike_and_no_held_out_scene_is(shards: Path) -> None:
    scenes = read(shards).scenes
    assert [scene.style for scene in scenes[:6]] == [scene.style for scene in scenes[6:]]
    assert len({scene.style for scene in scenes}) == 6
    assert not any(is_held_out(scene) for scene in scenes)


def test_every_picture_has_captions_in_both_languages(shards: Path) -> None:
    for captions in read(shards).captions:
        chinese = [any("\u4e00" <= letter <= "\u9fff" for letter in caption) for caption in captions]
        assert chinese == [True] * 4 + [False] * 4


def test_rendering_again_keeps_what_is_there_and_the_seed_decides(shards: Path, tmp_path: Path) -> None:
    render_shards(Task(folder=tmp_path, index=0, count=12, seed=0, held_out=False), workers=1)
    (path,) = paths_of(tmp_path)
    assert (read_pictures(path) == read_pictures(paths_of(shards)[0])).all()
    before = path.stat().st_mtime_ns
    render_shards(Task(folder=tmp_path, index=0, count=12, seed=0, held_out=False), workers=1)
    assert path.stat().st_mtime_ns == before


def test_a_corpus_has_as_many_pictures_as_asked_and_texts_for_each(shards: Path) -> None:
    corpus, said = read_corpus(shards, 7, "cpu", 64), read_texts(shards, 7, workers=1)
    assert corpus.pictures.shape == (7, 64, 64, 3)
    assert len(said.options) == len(corpus.weights) == 7
    captions = read(shards).captions
    for row, own in zip(said.options.tolist(), captions, strict=False):
        assert {said.distinct[k] for k in row} >= set(own)


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"must hold files named shard-\*\.npz"):
        read_corpus(tmp_path, 1, "cpu", 64)


def test_short_texts_hold_for_the_scene(shards: Path) -> None:
    for scene in read(shards).scenes:
        kind, place, style, *_ = name_scene(scene, random.Random(0))
        assert any(kind in words.KINDS["zh"][figure.kind] for figure in scene.characters)
        assert place in words.PLACES["zh"][scene.place]
        assert style in words.STYLES["zh"][scene.style]


@given(
    st.lists(st.sampled_from(["小猫", "在公园", "晚上", "全身"]), min_size=1, max_size=4, unique=True),
    st.integers(),
)
def test_a_shortened_caption_keeps_one_or_two_clauses_in_order(clauses: list[str], seed: int) -> None:
    kept = shorten("，".join(clauses), random.Random(seed)).split("，")
    assert 1 <= len(kept) <= 2
    assert kept == [clause for clause in clauses if clause in kept]


def test_fast_tokens_are_the_tokenizers_own() -> None:
    texts = ("小女孩，在公园里", "a little girl", "女" * 200)
    tokenizer = build_tokenizer(texts)
    own = tokenizer(
        list(texts), padding="max_length", truncation=True, max_length=CONTEXT, return_tensors="pt"
    ).input_ids
    assert torch.equal(tokenise(tokenizer, texts).long(), own)


@pytest.fixture(scope="module")
def pictures(shards: Path) -> torch.Tensor:
    return torch.from_numpy(read_pictures(paths_of(shards)[0])).permute(0, 3, 1, 2).float() / 255


def full(pictures: torch.Tensor, severity: float) -> torch.Tensor:
    return torch.full((len(pictures),), severity)


def test_clean_pictures_are_worth_seven_and_more(pictures: torch.Tensor) -> None:
    worth = clean_quality(pictures)
    assert worth.min() >= 7
    assert worth.max() <= 8.5


@given(severity=st.floats(0, 0.95), name=st.sampled_from(list(DAMAGES)))
def test_more_damage_is_worth_less_and_never_below_one(severity: float, name: str) -> None:
    gradient = torch.linspace(0, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)
    none = torch.zeros(1)
    less = quality(gradient, {name: full(gradient, severity)}, none)
    more = quality(gradient, {name: full(gradient, severity + 0.05)}, none)
    assert 1 <= more.item() < less.item()


@pytest.mark.parametrize("name", list(DAMAGES))
def test_each_damage_changes_a_picture_the_more_the_severer_it_is(pictures: torch.Tensor, name: str) -> None:
    lot = torch.Generator().manual_seed(0)
    away = [
        (damage(pictures[:4], {name: full(pictures[:4], s)}, lot) - pictures[:4]).abs().mean().item()
        for s in (0.0, 0.3, 0.6, 1.0)
    ]
    assert away[0] == 0
    assert away == sorted(away)
    assert away[3] > 0.01


def test_the_loss_is_least_where_pictures_meet_their_own_texts() -> None:
    rows, scale = torch.eye(4), torch.tensor(3.0)
    right = contrast(rows, rows, torch.arange(4), scale)
    wrong = contrast(rows, rows.roll(1, 0), torch.arange(4), scale)
    assert right < wrong


def test_a_picture_is_not_pushed_away_from_its_text_said_of_another() -> None:
    pictures = torch.nn.functional.normalize(torch.tensor([[0.8, 0.6], [1.0, 0.0], [0.0, 1.0]]), dim=1)

    def pull(rows: torch.Tensor) -> float:
        """Return how strongly the first picture and the second text are drawn together."""
        texts = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], requires_grad=True)
        contrast(pictures, texts, rows, torch.tensor(2.0)).backward()
        assert texts.grad is not None
        return -float(texts.grad[1] @ pictures[0])

    assert pull(torch.tensor([5, 5, 7])) > pull(torch.tensor([5, 6, 7]))


def test_all_stages_run_and_leave_folders_that_load(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--shards", str(shards), "--data", "12", "--steps", "2", "--batch", "4", "--out"]
    for stage in ("clip", "aesthetic"):
        main(["--stage", stage, *short, str(tmp_path / "a")])
        main(["--stage", stage, *short, str(tmp_path / "b")])
    main(["--stage", "check", "--shards", str(shards), "--out", str(tmp_path / "a")])
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((tmp_path / "a" / "check.json").read_text("utf-8"))
    assert set(report["clip"]["zh"]) == {"place", "style", "kind", "kind_of_two", "kind_by_style"}
    assert len(report["aesthetic"]["blur"]["means"]) == 6
    assert ClipEncoder.load(tmp_path / "a" / "clip").stamp.embedded
    assert AestheticScorer.load(tmp_path / "a" / "aesthetic").stamp.embedded
    for weights in ("clip/open_clip_model.safetensors", "aesthetic/model.safetensors"):
        assert sha256_of(tmp_path / "a" / weights) == sha256_of(tmp_path / "b" / weights)


def test_a_finished_stage_is_not_run_again(shards: Path, tmp_path: Path) -> None:
    short = [
        "--stage",
        "aesthetic",
        "--shards",
        str(shards),
        "--data",
        "12",
        "--batch",
        "4",
        "--out",
        str(tmp_path),
    ]
    main([*short, "--steps", "1"])
    before = np.array((tmp_path / "aesthetic" / "model.safetensors").stat().st_mtime_ns)
    main([*short, "--steps", "2"])
    assert (tmp_path / "aesthetic" / "model.safetensors").stat().st_mtime_ns == before
