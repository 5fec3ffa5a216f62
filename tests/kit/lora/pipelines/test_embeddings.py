"""Words that text encoders were taught, in each form that A1111 and diffusers write."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from kit.errors import LoraError
from kit.files.encodings import sha256_bytes
from kit.lora.pipelines.embeddings import embedding_bytes, kept_embedding, read_embedding

WIDE, WIDER = 8, 12


@pytest.fixture
def bases(tmp_path: Path) -> dict[str, str]:
    """Folders of pipelines that have no weights."""
    made = {
        "sdxl": "StableDiffusionXLPipeline",
        "sd": "StableDiffusionPipeline",
        "cascade": "StableCascadeDecoderPipeline",
    }
    for name, pipeline in made.items():
        for part, width in (("text_encoder", WIDE), ("text_encoder_2", WIDER)):
            (tmp_path / name / part).mkdir(parents=True)
            (tmp_path / name / part / "config.json").write_text(json.dumps({"hidden_size": width}))
        (tmp_path / name / "tokenizer").mkdir()
        (tmp_path / name / "tokenizer" / "vocab.json").write_text('{"girl</w>": 0, "girl": 1}')
        (tmp_path / name / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    return {name: str(tmp_path / name) for name in made}


def rows(number: int = 2, width: int = WIDE) -> Tensor:
    return torch.randn(number, width, generator=torch.Generator().manual_seed(number))


def test_every_form_of_one_text_encoder_is_read(bases: dict[str, str], tmp_path: Path) -> None:
    vectors = rows()
    torch.save(
        {"string_to_token": {"*": 265}, "string_to_param": {"*": vectors}, "name": "x", "step": 3},
        tmp_path / "a1111.pt",
    )
    torch.save({"<fox>": torch.nn.Parameter(vectors)}, tmp_path / "diffusers.bin")
    save_file({"emb_params": vectors}, tmp_path / "easynegative.safetensors")
    save_file({"<fox>": vectors}, tmp_path / "learned_embeds.safetensors")
    tokens = {
        "a1111.pt": "a1111",
        "diffusers.bin": "<fox>",
        "easynegative.safetensors": "easynegative",
        "learned_embeds.safetensors": "<fox>",
    }
    read = {name: read_embedding(tmp_path / name, None, bases["sd"]) for name in tokens}
    assert {name: one.token for name, one in read.items()} == tokens
    assert len({one.sha256 for one in read.values()}) == 1
    assert all(torch.equal(one.vectors["text_encoder"], vectors) for one in read.values())
    assert read_embedding(tmp_path / "a1111.pt", "<me>", bases["sd"]).token == "<me>"


def test_a_vector_alone_is_a_row(bases: dict[str, str], tmp_path: Path) -> None:
    torch.save({"<fox>": rows()[0]}, tmp_path / "a.bin")
    assert read_embedding(tmp_path / "a.bin", None, bases["sd"]).vectors["text_encoder"].shape == (1, WIDE)


def test_both_text_encoders_of_sdxl_are_taught_and_what_is_kept_comes_back(
    bases: dict[str, str], tmp_path: Path
) -> None:
    save_file({"clip_l": rows(), "clip_g": rows(width=WIDER)}, tmp_path / "a.safetensors")
    one = read_embedding(tmp_path / "a.safetensors", "<fox>", bases["sdxl"])
    assert {part: tuple(told.shape) for part, told in one.vectors.items()} == {
        "text_encoder": (2, WIDE),
        "text_encoder_2": (2, WIDER),
    }
    data = embedding_bytes(one.vectors)
    again = kept_embedding("<fox>", data)
    assert again == one
    assert one.shaping == {"token": "<fox>", "sha256": sha256_bytes(data)}
    assert all(torch.equal(again.vectors[part], told) for part, told in one.vectors.items())


@pytest.mark.parametrize(
    ("base", "tensors", "told"),
    [
        ("sd", {"clip_l": rows(), "clip_g": rows(width=WIDER)}, "was made for SDXL: .* 8 and 12 numbers"),
        ("sdxl", {"emb_params": rows(width=768)}, r"Stable Diffusion 1\.x: .* 768 numbers, this base's 8"),
        ("sd", {"emb_params": rows(width=1024)}, r"was made for Stable Diffusion 2\.x"),
        ("sd", {"emb_params": rows(76)}, "has 76 vectors, 75 are the most of a word"),
        ("sd", {"emb_params": rows() * torch.inf}, "holds numbers that are not finite"),
        ("sd", {"a.lora_down.weight": rows(), "a.lora_up.weight": rows()}, "is a LoRA, no embedding: name"),
        ("sd", {"one": rows(), "two": rows()}, "is no embedding: it must hold emb_params"),
        ("sd", {"emb_params": torch.ones(2, 8, dtype=torch.int64)}, "must hold vectors of numbers"),
        ("cascade", {"emb_params": rows()}, "this base takes no embeddings: delete it"),
        ("mini", {"clip_l": rows(width=768), "clip_g": rows(width=1280)},
         "was made for SDXL: its vectors have 768 and 1280 numbers, this base's 192"),
        ("mini", {"emb_params": rows(width=4096)}, "was made for Kolors: its vectors have 4096 numbers"),
        ("sdxl", {"<fox>": rows(width=192)}, "was made for the embedded base: .* 192 numbers, this base's 8"),
        ("sd", {"<fox>": rows(width=4096)}, "was made for Kolors: its vectors have 4096 numbers"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_a_line(
    bases: dict[str, str], base: str, tensors: dict[str, Tensor], told: str, tmp_path: Path
) -> None:
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(LoraError, match=told) as error:
        read_embedding(tmp_path / "a.safetensors", "<fox>", bases.get(base, base))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("token", "instead"), [("girl", "<girl>"), ("my girl", "<my-girl>")])
def test_a_word_that_the_base_knows_already_is_refused(
    bases: dict[str, str], token: str, instead: str, tmp_path: Path
) -> None:
    save_file({"emb_params": rows()}, tmp_path / f"{token}.safetensors")
    with pytest.raises(LoraError, match=f'{token} is no word .* token = "{instead}"'):
        read_embedding(tmp_path / f"{token}.safetensors", None, bases["sd"])


def test_kolors_and_the_embedded_base_take_a_word_that_their_tokenizer_does_not_have(tmp_path: Path) -> None:
    save_file({"<fox>": rows(width=192)}, tmp_path / "a.safetensors")
    one = read_embedding(tmp_path / "a.safetensors", None, "mini")
    assert (one.token, one.vectors["text_encoder"].shape) == ("<fox>", (2, 192))
    assert kept_embedding("<fox>", embedding_bytes(one.vectors)) == one
    with pytest.raises(LoraError, match=r'小猫 is no word .* token = "<小猫>"'):
        read_embedding(tmp_path / "a.safetensors", "小猫", "mini")


def test_nothing_in_a_file_is_run(bases: dict[str, str], tmp_path: Path) -> None:
    torch.save({"string_to_param": {"*": print}}, tmp_path / "a.pt")
    with pytest.raises(LoraError, match=r"a\.pt: "):
        read_embedding(tmp_path / "a.pt", None, bases["sd"])
