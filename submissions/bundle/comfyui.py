"""ComfyUI workflows that draw a bundle's story."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from submissions.bundle.manifest import Manifest

MAX_EXACT_SEED = 2**53
"""A browser reads larger whole numbers as their neighbours."""
OWN_MARKS = ("{", "}", "|", "//", "/*")
"""What ComfyUI and the wrapper read in a prompt as their own language."""
MAX_NODE_ALPHA = 4.0
"""The most that LoadKolorsLoRA's widget takes."""
VAE_FILE = "sdxl.vae.safetensors"
TEXT_FILE = "chatglm3-fp16.safetensors"
UNET_FILE = "diffusion_pytorch_model.fp16.safetensors"


def workflows_of(manifest: Manifest) -> dict[str, dict[str, object]]:
    """Return the workflows by file name; none for the embedded base, which ComfyUI cannot draw."""
    if manifest.notice:
        return {}
    return {"comfyui/kijai.json": kijai(manifest), "comfyui/mz.json": native(manifest)}


def kijai(manifest: Manifest) -> dict[str, object]:
    """Return the story for ComfyUI-KwaiKolorsWrapper, its LoRA loaded by the contest's own node."""
    graph = Graph()
    _note(graph, manifest, _KIJAI_NOTE)
    kolors = Node(
        type="DownloadAndLoadKolorsModel",
        widgets=["Kwai-Kolors/Kolors", "fp16"],
        outputs=[("kolors_model", "KOLORSMODEL")],
        place=(0, 1),
    )
    [model] = graph.add(kolors)
    if manifest.lora:
        worn = Node(
            type="LoadKolorsLoRA",
            widgets=[
                manifest.lora.checkpoint,
                min(MAX_NODE_ALPHA, manifest.lora.strength * manifest.lora.alpha),
            ],
            inputs={"kolors_model": model},
            outputs=[("kolors_model", "KOLORSMODEL")],
            place=(1, 1),
        )
        [model] = graph.add(worn)
    encoder, vae = _loaders(graph, "LoadChatGLM3")
    how = manifest.settings
    for row, panel in enumerate(manifest.panels):
        said = Node(
            type="KolorsTextEncode",
            widgets=[panel.prompt, panel.negative, 1],
            inputs={"chatglm3_model": encoder},
            outputs=[("kolors_embeds", "KOLORS_EMBEDS")],
            place=(2, row),
        )
        [embeds] = graph.add(said)
        drawn = Node(
            type="KolorsSampler",
            widgets=[
                how.size, how.size, panel.seed, "fixed", how.steps, how.cfg, "EulerDiscreteScheduler", 1.0
            ],
            inputs={"kolors_model": model, "kolors_embeds": embeds},
            outputs=[("latent", "LATENT")],
            place=(3, row),
        )  # fmt: skip
        [latent] = graph.add(drawn)
        _show(graph, latent, vae, row)
    return graph.document()


def native(manifest: Manifest) -> dict[str, object]:
    """Return the story for ComfyUI-Kolors-MZ, with ComfyUI's own sampler and LoRA loader."""
    graph = Graph()
    _note(graph, manifest, _NATIVE_NOTE)
    unet = Node(type="MZ_KolorsUNETLoaderV2", widgets=[UNET_FILE], outputs=[("model", "MODEL")], place=(0, 1))
    [model] = graph.add(unet)
    if manifest.lora:
        worn = Node(
            type="LoraLoaderModelOnly",
            widgets=[manifest.lora.comfyui.rpartition("/")[2], manifest.lora.strength],
            inputs={"model": model},
            outputs=[("MODEL", "MODEL")],
            place=(1, 1),
        )
        [model] = graph.add(worn)
    encoder, vae = _loaders(graph, "MZ_ChatGLM3Loader")
    how = manifest.settings
    blank = Node(
        type="EmptyLatentImage", widgets=[how.size, how.size, 1], outputs=[("LATENT", "LATENT")], place=(0, 4)
    )
    [start] = graph.add(blank)
    negatives = {
        said: graph.add(_words(said, encoder, (1, 2 + row)))[0]
        for row, said in enumerate(dict.fromkeys(panel.negative for panel in manifest.panels))
    }
    for row, panel in enumerate(manifest.panels):
        [positive] = graph.add(_words(panel.prompt, encoder, (2, row)))
        drawn = Node(
            type="KSampler",
            widgets=[panel.seed, "fixed", how.steps, how.cfg, "euler", "ddim_uniform", 1.0],
            inputs={
                "model": model,
                "positive": positive,
                "negative": negatives[panel.negative],
                "latent_image": start,
            },
            outputs=[("LATENT", "LATENT")],
            place=(3, row),
        )
        [latent] = graph.add(drawn)
        _show(graph, latent, vae, row)
    return graph.document()


class Socket(NamedTuple):
    """An output of a node."""

    node: int
    slot: int
    type: str


Widget = str | int | float


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A node of a graph before it has its links."""

    type: str
    widgets: Sequence[Widget] = ()
    """Its widgets' values in the order in which ComfyUI shows them."""
    inputs: Mapping[str, Socket] = field(default_factory=dict)
    """By the socket's name, in the node's order."""
    outputs: Sequence[tuple[str, str]] = ()
    """Name and type of each."""
    place: tuple[int, int] = (0, 0)
    """Column and row."""


class Graph:
    """A workflow that grows node by node."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._nodes: list[Node] = []

    def add(self, node: Node) -> Sequence[Socket]:
        """Add a node behind those that it takes from; returns its outputs."""
        self._nodes.append(node)
        return [Socket(len(self._nodes), slot, kind) for slot, (_, kind) in enumerate(node.outputs)]

    def document(self) -> dict[str, object]:
        """Return the workflow as ComfyUI loads it."""
        links: list[list[int | str]] = []
        nodes: list[dict[str, object]] = []
        for number, node in enumerate(self._nodes, 1):
            sockets: list[dict[str, object]] = []
            for slot, (name, source) in enumerate(node.inputs.items()):
                links.append([len(links) + 1, source.node, source.slot, number, slot, source.type])
                sockets.append({"name": name, "type": source.type, "link": len(links)})
            nodes.append(self._node(number, node, sockets))
        for entry in nodes:
            entry["outputs"] = self._outputs(entry, links)
        return {
            "last_node_id": len(nodes),
            "last_link_id": len(links),
            "nodes": nodes,
            "links": links,
            "groups": [],
            "config": {},
            "extra": {},
            "version": 0.4,
        }

    @staticmethod
    def _node(number: int, node: Node, sockets: list[dict[str, object]]) -> dict[str, object]:
        column, row = node.place
        return {
            "id": number,
            "type": node.type,
            "pos": [column * _COLUMN, row * _ROW],
            "size": [400, 300 if node.widgets else 60],
            "flags": {},
            "order": number - 1,
            "mode": 0,
            "inputs": sockets,
            "properties": {"Node name for S&R": node.type},
            "widgets_values": list(node.widgets),
        }

    def _outputs(self, entry: Mapping[str, object], links: list[list[int | str]]) -> list[dict[str, object]]:
        number = entry["id"]
        return [
            {
                "name": name,
                "type": kind,
                "links": [link[0] for link in links if link[1:3] == [number, slot]],
                "slot_index": slot,
            }
            for slot, (name, kind) in enumerate(self._nodes[int(str(number)) - 1].outputs)
        ]


def _loaders(graph: Graph, text_node: str) -> tuple[Socket, Socket]:
    """Add what loads the text encoder and the picture decoder; return their sockets."""
    text = Node(
        type=text_node, widgets=[TEXT_FILE], outputs=[("chatglm3_model", "CHATGLM3MODEL")], place=(0, 2)
    )
    vae = Node(type="VAELoader", widgets=[VAE_FILE], outputs=[("VAE", "VAE")], place=(0, 3))
    return graph.add(text)[0], graph.add(vae)[0]


def _words(text: str, encoder: Socket, place: tuple[int, int]) -> Node:
    return Node(
        type="MZ_ChatGLM3_V2",
        widgets=[text],
        inputs={"chatglm3_model": encoder},
        outputs=[("CONDITIONING", "CONDITIONING")],
        place=place,
    )


def _show(graph: Graph, latent: Socket, vae: Socket, row: int) -> None:
    """Decode a latent and save it as the panel's file."""
    decode = Node(
        type="VAEDecode", inputs={"samples": latent, "vae": vae}, outputs=[("IMAGE", "IMAGE")], place=(4, row)
    )
    [picture] = graph.add(decode)
    graph.add(
        Node(type="SaveImage", widgets=[f"storykit/{row + 1}"], inputs={"images": picture}, place=(5, row))
    )


_OTHER_PICTURES = (
    "ComfyUI draws other pictures from these seeds than the bundle holds: it has another noise and sampler.\n"
    "ComfyUI 的噪声与采样器不同，同一种子会得到不同的画面。"
)
_KIJAI_NOTE = (
    "Needs ComfyUI-KwaiKolorsWrapper, which loads no LoRA by itself: LoadKolorsLoRA is the node that the "
    "contest's ComfyUI notebook writes. Type the full path of {checkpoint} into it. Without that node, "
    "delete it and connect the model straight: the pictures are then the base's.\n"
    "需要 ComfyUI-KwaiKolorsWrapper；LoadKolorsLoRA 节点来自比赛的 ComfyUI notebook，"
    "请在其中填写 {checkpoint} 的完整路径。"
)
_NATIVE_NOTE = (
    "Needs ComfyUI-Kolors-MZ. Put {comfyui} into models/loras, Kolors' UNet into models/unet, ChatGLM3 into "
    "models/LLM and the SDXL VAE into models/vae.\n"
    "需要 ComfyUI-Kolors-MZ；把 {comfyui} 放入 models/loras，UNet 放入 models/unet，"
    "ChatGLM3 放入 models/LLM，VAE 放入 models/vae。"
)


def _note(graph: Graph, manifest: Manifest, text: str) -> None:
    """Add a note that says what the graph needs and what ComfyUI does otherwise."""
    lora = manifest.lora
    told = [
        text.format(checkpoint=lora.checkpoint if lora else "-", comfyui=lora.comfyui if lora else "-"),
        _OTHER_PICTURES,
    ]
    marked = [
        str(panel.panel)
        for panel in manifest.panels
        if any(mark in panel.prompt + panel.negative for mark in OWN_MARKS)
    ]
    if marked:
        marks = " ".join(OWN_MARKS)
        told.append(f"Panels {', '.join(marked)}: ComfyUI reads {marks} in a prompt as its own signs.")
    if lora and lora.strength * lora.alpha > MAX_NODE_ALPHA:
        told.append(f"LoadKolorsLoRA takes at most {MAX_NODE_ALPHA:g} for lora_alpha; the entry wears more.")
    large = [str(panel.panel) for panel in manifest.panels if panel.seed > MAX_EXACT_SEED]
    if large:
        told.append(f"Panels {', '.join(large)}: the browser rounds seeds above {MAX_EXACT_SEED}.")
    graph.add(Node(type="Note", widgets=["\n\n".join(told)]))


_COLUMN, _ROW = 440, 460
"""Pixels between nodes."""
