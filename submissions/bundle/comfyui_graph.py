"""A ComfyUI workflow that grows node by node, as ComfyUI's page loads it and as its server takes it."""

from collections.abc import Sequence
from typing import NamedTuple

Widget = str | int | float
_COLUMN, _ROW = 440, 460
"""Pixels between nodes."""


class NodeType(NamedTuple):
    """What a node takes and gives, named as in its pack."""

    inputs: tuple[str, ...] = ()
    output: str = ""
    type: str = ""
    """Of the output; empty where there is none."""
    widgets: tuple[str, ...] = ()
    """In the order in which ComfyUI's page shows them; after a seed it shows what becomes of it."""


NOTE = "Note"
NODES = {
    NOTE: NodeType(),
    "DownloadAndLoadKolorsModel": NodeType((), "kolors_model", "KOLORSMODEL", ("model", "precision")),
    "LoadKolorsLoRA": NodeType(("kolors_model",), "kolors_model", "KOLORSMODEL", ("lora_path", "lora_alpha")),
    "LoadChatGLM3": NodeType((), "chatglm3_model", "CHATGLM3MODEL", ("chatglm3_checkpoint",)),
    "KolorsTextEncode": NodeType(
        ("chatglm3_model",),
        "kolors_embeds",
        "KOLORS_EMBEDS",
        ("prompt", "negative_prompt", "num_images_per_prompt"),
    ),
    "KolorsSampler": NodeType(
        ("kolors_model", "kolors_embeds"),
        "latent",
        "LATENT",
        ("width", "height", "seed", "", "steps", "cfg", "scheduler", "denoise_strength"),
    ),
    "MZ_KolorsUNETLoaderV2": NodeType((), "model", "MODEL", ("unet_name",)),
    "LoraLoaderModelOnly": NodeType(("model",), "MODEL", "MODEL", ("lora_name", "strength_model")),
    "MZ_ChatGLM3Loader": NodeType((), "chatglm3_model", "CHATGLM3MODEL", ("chatglm3_checkpoint",)),
    "MZ_ChatGLM3_V2": NodeType(("chatglm3_model",), "CONDITIONING", "CONDITIONING", ("text",)),
    "EmptyLatentImage": NodeType((), "LATENT", "LATENT", ("width", "height", "batch_size")),
    "KSampler": NodeType(
        ("model", "positive", "negative", "latent_image"),
        "LATENT",
        "LATENT",
        ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    ),
    "VAELoader": NodeType((), "VAE", "VAE", ("vae_name",)),
    "VAEDecode": NodeType(("samples", "vae"), "IMAGE", "IMAGE"),
    "VAEEncode": NodeType(("pixels", "vae"), "LATENT", "LATENT"),
    "LoadImageMask": NodeType((), "MASK", "MASK", ("image", "channel")),
    "SetLatentNoiseMask": NodeType(("samples", "mask"), "LATENT", "LATENT"),
    "ImageCompositeMasked": NodeType(
        ("destination", "source", "mask"), "IMAGE", "IMAGE", ("x", "y", "resize_source")
    ),
    "ImageScale": NodeType(("image",), "IMAGE", "IMAGE", ("upscale_method", "width", "height", "crop")),
    "UpscaleModelLoader": NodeType((), "UPSCALE_MODEL", "UPSCALE_MODEL", ("model_name",)),
    "ImageUpscaleWithModel": NodeType(("upscale_model", "image"), "IMAGE", "IMAGE"),
    "SaveImage": NodeType(("images",), widgets=("filename_prefix",)),
}
"""The nodes that the workflows consist of; none has more than one output."""


class Output(NamedTuple):
    """What a node of a graph gives to others."""

    node: int
    type: str
    links: list[int]
    """Numbers of the links that lead on from it."""


class Graph:
    """A workflow that grows node by node, each behind those that it takes from."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._nodes: list[dict[str, object]] = []
        self._prompt: dict[str, object] = {}
        self._links: list[list[int | str]] = []

    def add(
        self,
        kind: str,
        place: tuple[int, int],
        widgets: Sequence[Widget] = (),
        sources: Sequence[Output] = (),
    ) -> Output:
        """Add a node and return what it gives.

        Args:
            kind: one of NODES.
            place: column and row.
            widgets: its widgets' values in the order in which ComfyUI shows them.
            sources: what each of its inputs takes.
        """
        known, number = NODES[kind], len(self._nodes) + 1
        inputs: list[dict[str, object]] = []
        for slot, (name, source) in enumerate(zip(known.inputs, sources, strict=True)):
            link = len(self._links) + 1
            self._links.append([link, source.node, 0, number, slot, source.type])
            source.links.append(link)
            inputs.append({"name": name, "type": source.type, "link": link})
        if kind != NOTE:
            told: dict[str, object] = dict(zip(known.widgets, widgets, strict=True))
            told.pop("", None)
            told |= {name: [str(one.node), 0] for name, one in zip(known.inputs, sources, strict=True)}
            self._prompt[str(number)] = {"class_type": kind, "inputs": told}
        given = Output(number, known.type, [])
        outputs = [{"name": known.output, "type": known.type, "links": given.links, "slot_index": 0}]
        self._nodes.append({
            "id": number,
            "type": kind,
            "pos": [place[0] * _COLUMN, place[1] * _ROW],
            "size": [400, 300 if widgets else 60],
            "flags": {},
            "order": number - 1,
            "mode": 0,
            "inputs": inputs,
            "properties": {"Node name for S&R": kind},
            "widgets_values": list(widgets),
            "outputs": outputs if known.type else [],
        })  # fmt: skip
        return given

    def document(self) -> dict[str, object]:
        """Return the workflow as ComfyUI loads it."""
        return {
            "last_node_id": len(self._nodes),
            "last_link_id": len(self._links),
            "nodes": self._nodes,
            "links": self._links,
            "groups": [],
            "config": {},
            "extra": {},
            "version": 0.4,
        }

    def prompt(self) -> dict[str, object]:
        """Return the workflow as ComfyUI's server takes it, by its nodes' numbers; without the note."""
        return self._prompt
