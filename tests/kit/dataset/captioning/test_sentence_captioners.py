import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from fakes import fake_picture
from safetensors.torch import load_file, save_file
from source_folders import put_files
from toy_captioners import write_blip, write_florence

from kit.dataset.captioning import sentence_captioners
from kit.dataset.captioning.caption_dataset import caption_dataset
from kit.dataset.captioning.caption_places import caption_places
from kit.dataset.captioning.sentence_captioners import SentenceCaptioner, open_sentence_captioner
from kit.dataset.captioning.wording import CaptionWording
from kit.errors import InputError, WeightsError

PICTURE = fake_picture("a", 40)


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blip(tmp_path_factory.mktemp("blip"))


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_captioners, "MOST_TOKENS", {"blip": 8, "florence2": 8})


def test_blip_says_what_transformers_own_pipeline_of_its_classes_says(blip: Path) -> None:
    [told] = open_sentence_captioner(blip, "blip", "cpu")(PICTURE)
    processor = transformers.BlipProcessor.from_pretrained(blip, use_fast=False)
    network = transformers.BlipForConditionalGeneration.from_pretrained(blip).eval()
    with torch.inference_mode():
        tokens = network.generate(
            **processor(images=PICTURE, return_tensors="pt"), max_new_tokens=8, num_beams=3
        )
    assert told == processor.batch_decode(tokens, skip_special_tokens=True)[0]
    assert told


def test_florence_answers_the_task_of_detailed_captions(tmp_path: Path) -> None:
    folder = write_florence(tmp_path)
    [told] = open_sentence_captioner(folder, "florence2", "cpu")(PICTURE)
    processor = transformers.Florence2Processor.from_pretrained(folder)
    network = transformers.Florence2ForConditionalGeneration.from_pretrained(folder).eval()
    asked = processor(text="<DETAILED_CAPTION>", images=PICTURE, return_tensors="pt")
    assert "Describe in detail" in processor.batch_decode(asked["input_ids"])[0]
    with torch.inference_mode():
        tokens = network.generate(**asked, max_new_tokens=8, num_beams=3)
    assert told == " ".join(processor.batch_decode(tokens, skip_special_tokens=True)[0].split())
    assert told


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB"), "needs more memory than is free: end"),
        (RuntimeError("mat1 and mat2\ncannot be multiplied"), "does not work: mat1 and mat2 cannot"),
        (IndexError("index out of range in self"), "does not work: index out of range"),
    ],
)
def test_a_network_that_fails_at_a_picture_is_one_line_with_its_folder(
    blip: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, told: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    captioner = open_sentence_captioner(blip, "blip", "cpu")
    monkeypatch.setattr(transformers.BlipForConditionalGeneration, "generate", fail)
    with pytest.raises(WeightsError, match=told) as error:
        captioner(PICTURE)
    assert str(error.value).startswith(str(blip))
    assert "\n" not in str(error.value)


def test_who_is_silent_is_not_to_lower_a_threshold_it_has_not(
    blip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_files(tmp_path, a__png=None)
    captioner = open_sentence_captioner(blip, "blip", "cpu")
    monkeypatch.setattr(SentenceCaptioner, "__call__", lambda *_: [""])
    with pytest.raises(InputError, match=r"\(a\.png\): caption what it is silent about by hand"):
        caption_dataset(caption_places(tmp_path), captioner, CaptionWording(), {}, lambda: None)


def spoil_config(**told: object) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        (folder / "config.json").write_text(json.dumps(config | told), "utf-8")

    return spoil


def lose_a_tensor(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    del state["text_decoder.cls.predictions.bias"]
    save_file(
        {n: t for n, t in state.items() if "LayerNorm" not in n},
        folder / "model.safetensors",
        {"format": "pt"},
    )


def pickle_the_weights(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_config(num_hidden_layers=10**9), "its num_hidden_layers is larger than any network's"),
        (spoil_config(model_type="t5"), r"holds a model of type t5: it must be blip"),
        (
            spoil_config(auto_map={"AutoModel": "evil.Evil"}),
            "needs code that comes with it, which storykit never",
        ),
        (lose_a_tensor, "cannot be read as a captioner: it lacks"),
        (pickle_the_weights, r"lacks model\.safetensors.*pytorch_model\.bin could run code"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"torn"), "cannot be read as a captioner"),
        (lambda folder: (folder / "tokenizer_config.json").write_text("{", "utf-8"), "cannot be read"),
        (lambda folder: (folder / "config.json").unlink(), r"must hold config\.json"),
    ],
)
def test_what_is_no_such_model_is_refused_in_a_line(
    tmp_path: Path, blip: Path, spoil: Callable[[Path], None], told: str
) -> None:
    folder = shutil.copytree(blip, tmp_path / "blip")
    spoil(folder)
    with pytest.raises(WeightsError, match=told) as error:
        open_sentence_captioner(folder, "blip", "cpu")
    assert "\n" not in str(error.value)
