"""Makes a folder in Kolors' published layout with random weights, named as diffusers and ChatGLM name them.

    python -m tests.benchmarks.published runs/kolors-random        (18 GB, seconds on a GPU)

diffusers itself names, shapes and saves UNet and autoencoder, so what reads this folder reads the real one.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from torch import nn

from kit.mini.training.networks import untrained_text_encoder
from kit.models.layouts.diffusers_networks import diffusers_unet, diffusers_vae
from kit.models.layouts.naming import TEXT_PREFIX
from kit.models.layouts.sizes_by_shape import LATENT_SCALE
from kit.models.layouts.weight_files import TEXT_FOLDER, UNET_FOLDER, VAE_FOLDER
from kit.models.networks import TOKENIZER
from kit.models.sizes import KOLORS_SIZES, BaseSizes, TextSizes

SHARDS = 7
INDEX = "pytorch_model.bin.index.json"


def write_published(
    folder: Path, sizes: BaseSizes, device: str = "cpu", dtype: torch.dtype = torch.float16
) -> None:
    """Write random weights of these sizes in the published layout; the seed is torch's global one."""
    with torch.device(device):
        diffusers_unet(sizes.unet).to(dtype).save_pretrained(folder / UNET_FOLDER)
        diffusers_vae(sizes.vae, LATENT_SCALE).save_pretrained(folder / VAE_FOLDER)
    _write_text(folder / TEXT_FOLDER, sizes.text, device, dtype)


def _write_text(folder: Path, sizes: TextSizes, device: str, dtype: torch.dtype) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with torch.device(device):
        encoder = untrained_text_encoder(sizes)
    encoder.output_layer = nn.Linear(sizes.hidden, sizes.vocabulary, bias=False, device=device)
    tensors = {TEXT_PREFIX + name: tensor.to(dtype) for name, tensor in encoder.state_dict().items()}
    names = list(tensors)
    index: dict[str, str] = {}
    for number in range(SHARDS):
        file = f"pytorch_model-{number + 1:05d}-of-{SHARDS:05d}.bin"
        part = names[number * len(names) // SHARDS : (number + 1) * len(names) // SHARDS]
        torch.save({name: tensors[name].cpu().clone() for name in part}, folder / file)
        index |= dict.fromkeys(part, file)
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": index}))
    (folder / "config.json").write_text(json.dumps(_chatglm_config(sizes), indent=1))


def _chatglm_config(sizes: TextSizes) -> dict[str, object]:
    return {
        "model_type": "chatglm",
        "architectures": ["ChatGLMModel"],
        "add_bias_linear": False,
        "add_qkv_bias": True,
        "apply_query_key_layer_scaling": True,
        "ffn_hidden_size": sizes.ffn,
        "hidden_size": sizes.hidden,
        "kv_channels": sizes.head,
        "multi_query_attention": True,
        "multi_query_group_num": sizes.groups,
        "num_attention_heads": sizes.hidden // sizes.head,
        "num_layers": sizes.layers,
        "original_rope": True,
        "padded_vocab_size": sizes.vocabulary,
        "seq_length": 32768,
        "torch_dtype": "float16",
        "use_cache": True,
    }


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--tokenizer", type=Path, help="a sentencepiece model to put beside the weights")
    given = parser.parse_args()
    torch.manual_seed(0)
    write_published(given.out, KOLORS_SIZES, "cuda" if torch.cuda.is_available() else "cpu")
    if given.tokenizer:
        (given.out / TOKENIZER).parent.mkdir()
        shutil.copy(given.tokenizer, given.out / TOKENIZER)


if __name__ == "__main__":
    main()
