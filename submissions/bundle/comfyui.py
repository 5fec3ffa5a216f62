"""ComfyUI workflows that draw a bundle's story."""

from collections.abc import Sequence
from typing import NamedTuple

from kit.experiment.steps import Outpaint, Redraw, Refine, Vary, masks_in, words_in
from submissions.bundle.manifest import Manifest, PanelRecord, SettingsRecord
from submissions.bundle.texts import environment

MAX_EXACT_SEED = 2**53
"""A browser reads larger whole numbers as their neighbours."""
OWN_MARKS = ("{", "}", "|", "//", "/*")
"""What ComfyUI and the wrapper read in a prompt as their own language."""
VAE_FILE = "sdxl.vae.safetensors"
TEXT_FILE = "chatglm3-fp16.safetensors"
UNET_FILE = "diffusion_pytorch_model.fp16.safetensors"


def workflows_of(manifest: Manifest) -> dict[str, dict[str, object]]:
    """Return the workflows by file name, as ComfyUI's page loads them and (.api.json) as its server does.

    None for the embedded base, which ComfyUI cannot draw; none of kijai's nodes where the LoRA is worn
    stronger than they can.
    """
    if manifest.notice:
        return {}
    graphs = {"mz": native(manifest)}
    if not manifest.lora or manifest.lora.fits_kijai:
        graphs = {"kijai": kijai(manifest)} | graphs
    files: dict[str, dict[str, object]] = {}
    for name, graph in graphs.items():
        files |= {f"comfyui/{name}.json": graph.document(), f"comfyui/{name}.api.json": graph.prompt()}
    return files


def kijai(manifest: Manifest) -> "Graph":
    """Return the story for ComfyUI-KwaiKolorsWrapper, its LoRA loaded by the contest's own node."""
    graph = Graph()
    _note(graph, manifest, "kijai")
    model = graph.add("DownloadAndLoadKolorsModel", (0, 1), ["Kwai-Kolors/Kolors", "fp16"])
    if lora := manifest.lora:
        model = graph.add("LoadKolorsLoRA", (1, 1), [lora.checkpoint, lora.strength * lora.alpha], [model])
    encoder = graph.add("LoadChatGLM3", (0, 2), [TEXT_FILE])
    vae = graph.add("VAELoader", (0, 3), [VAE_FILE])
    how = manifest.settings
    for row, panel in enumerate(manifest.panels):
        said = graph.add("KolorsTextEncode", (2, row), [panel.prompt, panel.negative, 1], [encoder])
        values: list[Widget] = [how.size, how.size, panel.seed, "fixed", how.steps, how.cfg]
        values += ["EulerDiscreteScheduler", 1.0]
        _show(graph, graph.add("KolorsSampler", (3, row), values, [model, said]), vae, row)
    return graph


def native(manifest: Manifest) -> "Graph":
    """Return the story for ComfyUI-Kolors-MZ, with ComfyUI's own sampler and LoRA loader.

    Its steps `normal` are storykit's but for their rounding, and its noise is the portable one: it draws the
    bundle's own pictures up to a small difference.
    """
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
        values: list[Widget] = [panel.seed, "fixed", how.steps, how.cfg, "euler", "normal", 1.0]
        sources = [model, said, negatives[panel.negative], start]
        drawn = graph.add("KSampler", (3, row), values, sources)
        picture = graph.add("VAEDecode", (4, row), sources=[drawn, vae])
        for step in panel.chain:
            if step.prompt and isinstance(step, Redraw):
                said = graph.add("MZ_ChatGLM3_V2", (2, row), [step.prompt], [encoder])
            if isinstance(step, Refine):
                scaled: list[Widget] = ["lanczos", step.size, step.size, "disabled"]
                picture = graph.add("ImageScale", (4, row), scaled, [picture])
            if isinstance(step, Redraw | Refine):
                tools = (model, said, negatives[panel.negative], vae)
                picture = _redrawn(graph, step, (picture, row), tools, how)
        graph.add("SaveImage", (5, row), [f"storykit/{row + 1}"], [picture])
    return graph


def _redrawn(
    graph: "Graph",
    step: Redraw | Refine,
    begun: "tuple[Output, int]",
    tools: "tuple[Output, Output, Output, Output]",
    how: SettingsRecord,
) -> "Output":
    """Return a picture after it was drawn again, as ComfyUI's own nodes do it.

    Args:
        graph: that grows.
        step: what is done.
        begun: the picture before, and its row.
        tools: model, words, negative words and autoencoder.
        how: the settings.
    """
    (picture, row), (*spoken, vae) = begun, tools
    latent = graph.add("VAEEncode", (3, row), sources=[picture, vae])
    if step.mask:
        mask = graph.add("LoadImageMask", (2, row), [f"{step.mask}.png", "red"])
        latent = graph.add("SetLatentNoiseMask", (3, row), sources=[latent, mask])
    left = max(1, int(how.steps * step.strength))
    share = 1.0 if left == how.steps else left / (how.steps + 0.5)  # of it ComfyUI makes the steps again
    values: list[Widget] = [step.seed, "fixed", left, how.cfg, "euler", "normal", share]
    drawn = graph.add("KSampler", (3, row), values, [*spoken, latent])
    made = graph.add("VAEDecode", (4, row), sources=[drawn, vae])
    if not step.mask:
        return made
    return graph.add("ImageCompositeMasked", (4, row), [0, 0, False], [picture, made, mask])


Widget = str | int | float


class NodeType(NamedTuple):
    """What a node takes and gives, named as in its pack."""

    inputs: tuple[str, ...] = ()
    output: str = ""
    type: str = ""
    """Of the output; empty where there is none."""
    widgets: tuple[str, ...] = ()
    """In the order in which ComfyUI's page shows them; after a seed it shows what becomes of it."""


_NOTE = "Note"
NODES = {
    _NOTE: NodeType(),
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
        if kind != _NOTE:
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
        noise=manifest.settings.noise,
        text=TEXT_FILE,
        vae=VAE_FILE,
        unet=UNET_FILE,
        marks=OWN_MARKS,
        marked=[one.panel for one in panels if any(mark in _said(one) for mark in OWN_MARKS)],
        largest=MAX_EXACT_SEED,
        matched=[one.panel for one in panels if one.anchors],
        repaired=[one.panel for one in panels if one.chain],
        outpainted=[one.panel for one in panels if any(isinstance(step, Outpaint) for step in one.chain)],
        varied=[one.panel for one in panels if any(isinstance(step, Vary) for step in one.chain)],
        masked=[one.panel for one in panels if masks_in(one.chain)],
        large=[one.panel for one in panels if max(_seeds_of(one)) > MAX_EXACT_SEED],
    )
    graph.add(_NOTE, (0, 0), [text.strip()])


def _said(panel: PanelRecord) -> str:
    return " ".join([panel.prompt, panel.negative, *words_in(panel.chain)])


def _seeds_of(panel: PanelRecord) -> list[int]:
    return [panel.seed, *(step.seed for step in panel.chain if step.seed is not None)]


_COLUMN, _ROW = 440, 460
"""Pixels between nodes."""
