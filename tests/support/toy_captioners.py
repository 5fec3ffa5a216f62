"""Tiny BLIP and Florence-2 folders with random weights, laid out as the published ones are."""

import json
from pathlib import Path

import torch
import transformers
from transformers.models.gpt2.tokenization_gpt2 import bytes_to_unicode

SIDE = 32
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def write_blip(folder: Path) -> Path:
    """Write a BLIP of two layers that knows letters."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *"abcdefghijklmnopqrstuvwxyz"]
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    tokenizer = transformers.BertTokenizerFast(vocab_file=str(folder / "vocab.txt"))
    text = {"vocab_size": len(tokenizer), "encoder_hidden_size": 16, "bos_token_id": 5, "sep_token_id": 3}
    config = transformers.BlipConfig(
        text_config={**SMALL, **text, "eos_token_id": 3, "pad_token_id": 0, "max_position_embeddings": 128},
        vision_config={**SMALL, "image_size": SIDE, "patch_size": 16},
        projection_dim=8,
    )
    torch.manual_seed(0)
    transformers.BlipForConditionalGeneration(config).save_pretrained(folder)
    pictures = transformers.BlipImageProcessor(size={"height": SIDE, "width": SIDE})
    transformers.BlipProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


def write_florence(folder: Path) -> Path:
    """Write a Florence-2 of one layer that knows bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *bytes_to_unicode().values()]
    (folder / "vocab.json").write_text(json.dumps({letter: n for n, letter in enumerate(letters)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", "utf-8")
    tokenizer = transformers.BartTokenizerFast(
        vocab_file=str(folder / "vocab.json"),
        merges_file=str(folder / "merges.txt"),
        extra_special_tokens={"image_token": "<image>"},
    )
    size = {"height": SIDE, "width": SIDE}
    pictures = transformers.CLIPImageProcessor(size=size, crop_size=size, do_center_crop=False)
    pictures.image_seq_length = 5
    text = {
        **{"model_type": "bart", "vocab_size": len(tokenizer), "d_model": 16, "max_position_embeddings": 512},
        **{f"{side}_{what}": n for side in ("encoder", "decoder")
           for what, n in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 16))},
        **{"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2},
    }  # fmt: skip
    vision = {
        **{
            "depths": (1,),
            "patch_size": (7,),
            "patch_stride": (16,),
            "patch_padding": (3,),
            "window_size": 2,
        },
        **{"patch_prenorm": (False,), "embed_dim": (16,), "num_heads": (2,), "num_groups": (2,)},
        **{"projection_dim": 16, "max_position_embeddings": 8, "max_temporal_embeddings": 4},
    }
    config = transformers.Florence2Config(
        text_config=text, vision_config=vision, image_token_id=tokenizer.image_token_id
    )
    torch.manual_seed(1)
    transformers.Florence2ForConditionalGeneration(config).save_pretrained(folder)
    transformers.Florence2Processor(pictures, tokenizer).save_pretrained(folder)
    return folder
