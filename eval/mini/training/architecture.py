"""Shapes of the embedded networks and the folders they are published in."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import CLIPImageProcessor, CLIPVisionConfig, PreTrainedTokenizerFast

from eval.scorers.clip import CONFIG

CONTEXT = 96
"""Tokens of a text, start and end included."""
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
END = SPECIAL.index("[SEP]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
MARKS = ",.;:!?'\"-()、。；：！？…"
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
KNOWS = "embedded: knows only the drawn world"
KNOWS_DAMAGE = "embedded: knows only the drawn world's damage"
CLIP_SIDE = 192
AESTHETIC_SIDE, AESTHETIC_PATCH = 256, 16


def build_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Return a tokenizer whose tokens are the texts' Chinese characters and lower-cased words.

    Other Latin words fall apart into known pieces, down to letters; anything else is [UNK].
    """
    shaper = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    shaper.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.BertNormalizer()])
    shaper.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words: set[str] = set()
    for text in set(texts):
        normal = shaper.normalizer.normalize_str(text)
        words.update(word for word, _ in shaper.pre_tokenizer.pre_tokenize_str(normal))
    fallback = [*LETTERS, *(f"##{letter}" for letter in LETTERS), *MARKS]
    vocabulary = [*SPECIAL, *fallback, *sorted(words - set(fallback) - set(SPECIAL))]
    shaper.model = models.WordPiece(
        {word: k for k, word in enumerate(vocabulary)}, unk_token="[UNK]", max_input_chars_per_word=100
    )
    shaper.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", SPECIAL.index("[CLS]")), ("[SEP]", END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=shaper,
        model_max_length=CONTEXT,
        pad_token="[PAD]",
        unk_token="[UNK]",
        bos_token="[CLS]",
        eos_token="[SEP]",
    )


def clip_config(vocabulary: int) -> Mapping[str, object]:
    """Return open_clip's description of the embedded encoder: 2.7 million parameters, 5.4 MB in fp16.

    The picture tower is a ResNet: within minutes it tells small figures apart, which a ViT does not.
    """
    vision = {
        "image_size": CLIP_SIDE,
        "layers": [2, 3, 4, 2],
        "width": 16,
        "head_width": 64,
    }
    text = {
        "context_length": CONTEXT,
        "vocab_size": vocabulary,
        "hf_tokenizer_name": "local",
        "width": 128,
        "heads": 4,
        "layers": 3,
        "pool_type": "eos",
        "eos_id": END,
    }
    return {
        "storykit": KNOWS,
        "model_cfg": {"embed_dim": 128, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"},
    }


def start_clip_folder(folder: Path, texts: Iterable[str]) -> None:
    """Write everything of an open_clip folder but its weights; the texts give the vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer(texts)
    tokenizer.save_pretrained(folder)
    config = json.dumps(clip_config(len(tokenizer)), indent=2) + "\n"
    (folder / CONFIG).write_text(config, "utf-8")


def aesthetic_config() -> CLIPVisionConfig:
    """Return the embedded predictor's tower: with its head 0.9 million parameters, 1.8 MB in fp16."""
    return CLIPVisionConfig(
        image_size=AESTHETIC_SIDE,
        patch_size=AESTHETIC_PATCH,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        projection_dim=64,
        hidden_act="gelu",
        storykit=KNOWS_DAMAGE,
    )


def aesthetic_preprocessor() -> CLIPImageProcessor:
    """Return the published predictor's preprocessing at the embedded tower's size."""
    side = AESTHETIC_SIDE
    return CLIPImageProcessor(
        size={"shortest_edge": side},
        crop_size={"height": side, "width": side},
        image_mean=MEAN,
        image_std=STD,
    )


def half(network: nn.Module) -> dict[str, Tensor]:
    """Return the network's weights in fp16 on the CPU, ready to be saved; counts stay whole numbers."""
    return {
        name: (weight.half() if weight.is_floating_point() else weight).detach().cpu().contiguous()
        for name, weight in network.state_dict().items()
    }
