"""ComfyUI workflows that draw a bundle's story."""

from collections.abc import Sequence
from typing import NamedTuple

from submissions.bundle.manifest import Manifest
from submissions.bundle.texts import environment

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
    _note(graph, manifest, "kijai")
    model = graph.add("DownloadAndLoadKolorsModel", (0, 1), ["Kwai-Kolors/Kolors", "fp16"])
    if lora := manifest.lora:
        strength = min(MAX_NODE_ALPHA, lora.strength * lora.alpha)
        model = graph.add("LoadKolorsLoRA", (1, 1), [lora.checkpoint, strength], [model])
    encoder = graph.add("LoadChatGLM3", (0, 2), [TEXT_FILE])
    vae = graph.add("VAELoader", (0, 3), [VAE_FILE])
    how = manifest.settings
    for row, panel in enumerate(manifest.panels):
        said = graph.add("KolorsTextEncode", (2, row), [panel.prompt, panel.negative, 1], [encoder])
        values: list[Widget] = [how.size, how.size, panel.seed, "fixed", how.steps, how.cfg]
        values += ["EulerDiscreteScheduler", 1.0]
        _show(graph, graph.add("KolorsSampler", (3, row), values, [model, said]), vae, row)
    return graph.document()


def native(manifest: Manifest) -> dict[str, object]:
    """Return the story for ComfyUI-Kolors-MZ, with ComfyUI's own sampler and LoRA loader."""
    graph = Graph()
    _note(graph, manifest, "mz")
    model = graph.add("MZ_KolorsUNETLoaderV2", (0, 1), [UNET_FILE])
    if lora := manifest.lora:
        file = lora.file.rpartition("/")[2]
        model = graph.add("LoraLoaderModelOnly", (1, 1), [file, lora.strength], [model])
    encoder = graph.add("MZ_ChatGLM3Loader", (0, 2), [TEXT_FILE])
    vae = graph.add("VAELoader", (0, 3), [VAE_FILE])
    how = manifest.settings
    start = graph.add("EmptyLatentImage", (0, 4), [how.size, how.size, 1])
    negatives = {
        said: graph.add("MZ_ChatGLM3_V2", (1, 2 + row), [said], [encoder])
        for row, said in enumerate(dict.fromkeys(panel.negative for panel in manifest.panels))
    }
    for row, panel in enumerate(manifest.panels):
        said = graph.add("MZ_ChatGLM3_V2", (2, row), [panel.prompt], [encoder])
        values: list[Widget] = [panel.seed, "fixed", how.steps, how.cfg, "euler", "ddim_uniform", 1.0]
        sources = [model, said, negatives[panel.negative], start]
        _show(graph, graph.add("KSampler", (3, row), values, sources), vae, row)
    return graph.document()


Widget = str | int | float


class NodeType(NamedTuple):
    """What a node takes and gives, named as in its pack."""

    inputs: tuple[str, ...] = ()
    output: str = ""
    type: str = ""
    """Of the output; empty where there is none."""


NODES = {
    "Note": NodeType(),
    "DownloadAndLoadKolorsModel": NodeType((), "kolors_model", "KOLORSMODEL"),
    "LoadKolorsLoRA": NodeType(("kolors_model",), "kolors_model", "KOLORSMODEL"),
    "LoadChatGLM3": NodeType((), "chatglm3_model", "CHATGLM3MODEL"),
    "KolorsTextEncode": NodeType(("chatglm3_model",), "kolors_embeds", "KOLORS_EMBEDS"),
    "KolorsSampler": NodeType(("kolors_model", "kolors_embeds"), "latent", "LATENT"),
    "MZ_KolorsUNETLoaderV2": NodeType((), "model", "MODEL"),
    "LoraLoaderModelOnly": NodeType(("model",), "MODEL", "MODEL"),
    "MZ_ChatGLM3Loader": NodeType((), "chatglm3_model", "CHATGLM3MODEL"),
    "MZ_ChatGLM3_V2": NodeType(("chatglm3_model",), "CONDITIONING", "CONDITIONING"),
    "EmptyLatentImage": NodeType((), "LATENT", "LATENT"),
    "KSampler": NodeType(("model", "positive", "negative", "latent_image"), "LATENT", "LATENT"),
    "VAELoader": NodeType((), "VAE", "VAE"),
    "VAEDecode": NodeType(("samples", "vae"), "IMAGE", "IMAGE"),
    "SaveImage": NodeType(("images",)),
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


def _show(graph: Graph, latent: Output, vae: Output, row: int) -> None:
    """Decode a latent and save it as the panel's file."""
    picture = graph.add("VAEDecode", (4, row), sources=[latent, vae])
    graph.add("SaveImage", (5, row), [f"storykit/{row + 1}"], [picture])


def _note(graph: Graph, manifest: Manifest, pack: str) -> None:
    """Add a note that says what the graph needs and what ComfyUI does otherwise."""
    panels = manifest.panels
    template = environment().get_template("comfyui.j2")
    text = template.render(
        pack=pack,
        lora=manifest.lora,
        marks=OWN_MARKS,
        marked=[one.panel for one in panels if any(mark in one.prompt + one.negative for mark in OWN_MARKS)],
        strongest=MAX_NODE_ALPHA,
        largest=MAX_EXACT_SEED,
        large=[one.panel for one in panels if one.seed > MAX_EXACT_SEED],
    )
    graph.add("Note", (0, 0), [text.strip()])


_COLUMN, _ROW = 440, 460
"""Pixels between nodes."""
