"""ComfyUI workflows that draw a bundle's story."""

from kit.experiment.references.image_prompt_record import pictures_in
from kit.experiment.steps import (
    Instruct,
    Outpaint,
    PictureStep,
    Redraw,
    Refine,
    Restore,
    Upscale,
    Vary,
    words_in,
)
from kit.finishing.kept_networks import embedded_network
from submissions.bundle.comfyui_graph import NOTE, Graph, Output, Widget
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

    None for the embedded base, which ComfyUI cannot draw, nor for a pipeline's folder, whose parts its nodes
    do not load as they lie there; none of kijai's nodes where the LoRA is worn stronger than they can.
    """
    if manifest.notice or manifest.pipeline:
        return {}
    graphs = {"mz": native(manifest)}
    if not manifest.lora or manifest.lora.fits_kijai:
        graphs = {"kijai": kijai(manifest)} | graphs
    files: dict[str, dict[str, object]] = {}
    for name, graph in graphs.items():
        files |= {f"comfyui/{name}.json": graph.document(), f"comfyui/{name}.api.json": graph.prompt()}
    return files


def kijai(manifest: Manifest) -> Graph:
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


def native(manifest: Manifest) -> Graph:
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
    loaders: dict[str, Output] = {}
    for row, panel in enumerate(manifest.panels):
        said = graph.add("MZ_ChatGLM3_V2", (2, row), [panel.prompt], [encoder])
        values: list[Widget] = [panel.seed, "fixed", how.steps, how.cfg, "euler", "normal", 1.0]
        sources = [model, said, negatives[panel.negative], start]
        drawn = graph.add("KSampler", (3, row), values, sources)
        picture = graph.add("VAEDecode", (4, row), sources=[drawn, vae])
        for step in panel.chain:
            if step.prompt and isinstance(step, Redraw):
                said = graph.add("MZ_ChatGLM3_V2", (2, row), [step.prompt], [encoder])
            if isinstance(step, Refine | Upscale):
                picture = _enlarged(graph, step, (picture, row), loaders)
            if isinstance(step, Redraw | Refine):
                tools = (model, said, negatives[panel.negative], vae)
                picture = _redrawn(graph, step, (picture, row), tools, how)
        graph.add("SaveImage", (5, row), [f"storykit/{row + 1}"], [picture])
    return graph


def _enlarged(
    graph: Graph, step: Refine | Upscale, begun: tuple[Output, int], loaders: dict[str, Output]
) -> Output:
    """Return a picture resized, by its network first where ComfyUI can have that.

    Args:
        graph: that grows.
        step: what is done.
        begun: the picture before, and its row.
        loaders: of the networks that are there already, by sha256.
    """
    picture, row = begun
    if isinstance(step, Upscale) and step.finisher != embedded_network():
        if step.finisher not in loaders:
            place, file = (0, 5 + len(loaders)), f"{step.finisher}.safetensors"
            loaders[step.finisher] = graph.add("UpscaleModelLoader", place, [file])
        picture = graph.add("ImageUpscaleWithModel", (4, row), sources=[loaders[step.finisher], picture])
    scaled: list[Widget] = ["lanczos", step.size, step.size, "disabled"]
    return graph.add("ImageScale", (4, row), scaled, [picture])


def _redrawn(
    graph: Graph,
    step: Redraw | Refine,
    begun: tuple[Output, int],
    tools: tuple[Output, Output, Output, Output],
    how: SettingsRecord,
) -> Output:
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


def _show(graph: Graph, latent: Output, vae: Output, row: int) -> None:
    """Decode a latent and save it as the panel's file."""
    picture = graph.add("VAEDecode", (4, row), sources=[latent, vae])
    graph.add("SaveImage", (5, row), [f"storykit/{row + 1}"], [picture])


def _note(graph: Graph, manifest: Manifest, pack: str) -> None:
    """Add a note that says what the graph needs and what ComfyUI does otherwise."""
    panels = manifest.panels

    def with_step(*kinds: type[PictureStep]) -> list[int]:
        return [one.panel for one in panels if any(isinstance(step, kinds) for step in one.chain)]

    enlarged = {one.panel: [step.finisher for step in one.chain if step.step == "upscale"] for one in panels}
    own = embedded_network()
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
        matched=[one.panel for one in panels if any(not anchor.picture for anchor in one.anchors)],
        pictured=[one.panel for one in panels if pictures_in((*one.anchors, *one.image_prompts))],
        held=[one.panel for one in panels if one.control],
        repaired=[one.panel for one in panels if one.chain],
        outpainted=with_step(Outpaint),
        varied=with_step(Vary),
        edited=with_step(Instruct),
        restored=with_step(Restore),
        enlarged=[panel for panel, networks in enlarged.items() if set(networks) - {own}],
        resized=[panel for panel, networks in enlarged.items() if own in networks],
        inpainted=[one.panel for one in panels if any(step.mask and step.inpainting for step in one.chain)],
        masked=[
            one.panel for one in panels if any(isinstance(step, Redraw) and step.mask for step in one.chain)
        ],
        large=[one.panel for one in panels if max(_seeds_of(one)) > MAX_EXACT_SEED],
    )
    graph.add(NOTE, (0, 0), [text.strip()])


def _said(panel: PanelRecord) -> str:
    return " ".join([panel.prompt, panel.negative, *words_in(panel.chain)])


def _seeds_of(panel: PanelRecord) -> list[int]:
    return [panel.seed, *(step.seed for step in panel.chain if step.seed is not None)]
