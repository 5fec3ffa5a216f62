"""LoRAs for the toys of toy_pipelines.py: trained by chance, written by diffusers or as kohya writes them."""

from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")
CONVOLUTIONS = ("conv1", "conv2", "conv_shortcut", "time_emb_proj", "downsamplers.0.conv")
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")


def toy_pipeline(folder: Path) -> StableDiffusionPipeline | StableDiffusionXLPipeline:
    """Return the bare pipeline of a toy, in fp32."""
    sdxl = (folder / "text_encoder_2").is_dir()
    more = {"add_watermarker": False} if sdxl else {"safety_checker": None}
    made = StableDiffusionXLPipeline if sdxl else StableDiffusionPipeline
    pipeline = made.from_pretrained(folder, torch_dtype=torch.float32, use_safetensors=None, **more)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def diffusers_lora(
    base: Path, out: Path, *, seed: int = 0, rank: int = 4, with_convolutions: bool = False
) -> Path:
    """Write what diffusers' `save_lora_weights` writes of adapters of the UNet and every text encoder.

    Their alpha is 2.
    """
    pipeline = toy_pipeline(base)
    encoders = [one for one in ("text_encoder", "text_encoder_2") if getattr(pipeline, one, None) is not None]
    told: dict[str, object] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for part in ("unet", *encoders):
            targets = TEXT if part != "unet" else (*ATTENTION, *(CONVOLUTIONS if with_convolutions else ()))
            config = LoraConfig(
                r=rank, lora_alpha=2, target_modules=list(targets), init_lora_weights="gaussian"
            )
            network = getattr(pipeline, part)
            network.add_adapter(config)
            for name, weights in network.named_parameters():
                if "lora_B" in name:
                    torch.nn.init.normal_(weights, std=0.3)
            told[f"{part}_lora_layers"] = get_peft_model_state_dict(network)
            told[f"{part}_lora_adapter_metadata"] = config.to_dict()
    out.parent.mkdir(parents=True, exist_ok=True)
    type(pipeline).save_lora_weights(out.parent, weight_name=out.name, **told)
    return out


def as_kohya(file: Path, out: Path, alpha: float) -> Path:
    """Write a LoRA of diffusers' names in kohya's, with an alpha a layer."""
    tensors: dict[str, Tensor] = {}
    both = any(name.startswith("text_encoder_2.") for name in load_file(file))
    parts = {
        "unet": "lora_unet",
        "text_encoder": "lora_te1" if both else "lora_te",
        "text_encoder_2": "lora_te2",
    }
    for name, tensor in load_file(file).items():
        layer, _, half = name.removesuffix(".weight").rpartition(".")
        part, _, module = layer.partition(".")
        own = f"{parts[part]}_{module.replace('.', '_')}"
        tensors[f"{own}.lora_{'down' if half == 'lora_A' else 'up'}.weight"] = tensor
        tensors[f"{own}.alpha"] = torch.tensor(alpha)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out, {"ss_network_module": "networks.lora"})
    return out
