"""PNG bytes with key and recipe inside, and A1111's line of settings that galleries read."""

from collections.abc import Mapping, Sequence
from io import BytesIO

from PIL.Image import Image
from PIL.PngImagePlugin import PngInfo

from kit.files.encodings import canonical_json
from kit.versions import installed_version

PARAMETERS = "parameters"
"""The PNG text chunk in which they look for it."""
RECIPE = "storykit"
"""The PNG text chunk that holds a picture's key and recipe as JSON."""
_SAMPLERS: Mapping[str, Mapping[str, str]] = {
    "ddim": {"Sampler": "DDIM"},
    "dpm++2m": {"Sampler": "DPM++ 2M", "Schedule type": "Karras"},
    "euler": {"Sampler": "Euler"},
    "euler-a": {"Sampler": "Euler a"},
    "lcm": {"Sampler": "LCM"},
    "unipc": {"Sampler": "UniPC"},
}
"""What they call a sampler; DPM++ 2M is drawn so for drafts of Kolors."""
_SCHEDULERS = {
    "DDIMScheduler": "DDIM",
    "DPMSolverMultistepScheduler": "DPM++ 2M",
    "EulerAncestralDiscreteScheduler": "Euler a",
    "EulerDiscreteScheduler": "Euler",
    "HeunDiscreteScheduler": "Heun",
    "LCMScheduler": "LCM",
    "LMSDiscreteScheduler": "LMS",
    "PNDMScheduler": "PLMS",
    "UniPCMultistepScheduler": "UniPC",
}
"""What they call the sampler of a pipeline's folder, by its class; of another they are told none."""
_SHORT = 10
"""Characters of a file's sha256 that they show."""


def parameters_of(recipe: Mapping[str, object], lora_hash: str = "") -> str:
    """Return prompt, negative prompt and settings in A1111's form.

    The LoRA is called by its hash as A1111 computes it, else by the beginning of its file's sha256. The form
    has no word for portable noise or EnhancedDDIM, so other programs draw another picture from it.

    Args:
        recipe: What shapes the picture, as `kit.generation.recipe` writes it.
        lora_hash: What `kit.lora.metadata.short_hash` gives of the LoRA's file; empty where it is not known.
    """
    size = recipe["size"]
    settings = {
        "Steps": recipe["steps"],
        **_sampler_told(recipe),
        "CFG scale": recipe["cfg"],
        "Seed": recipe["seed"],
        "Size": f"{size}x{size}",
        **_repairs_told(recipe.get("chain")),
    }
    base, lora = recipe["base"], recipe["lora"]
    if isinstance(base, Mapping):
        files = base.get("sha256")
        named = files if isinstance(files, Mapping) else {}
        unets = [named[file] for file in named if "unet" in str(file) and not str(file).endswith(".json")]
        if len(unets) == 1:
            settings["Model hash"] = str(unets[0])[:_SHORT]
        settings["Model"] = _model_told(base)
    tag = ""
    if isinstance(lora, Mapping):
        name = lora_hash or str(lora["lora_sha256"])[:_SHORT]
        tag = f" <lora:{name}:{lora['strength']}>"
        settings["Lora hashes"] = f'"{name}: {name}"'
    negative = recipe["negative"]
    lines = [f"{recipe['prompt']}{tag}", *([f"Negative prompt: {negative}"] if negative else [])]
    return "\n".join([*lines, ", ".join(f"{name}: {value}" for name, value in settings.items())])


def _sampler_told(recipe: Mapping[str, object]) -> Mapping[str, str]:
    """Return what A1111 calls the sampler; nothing where it has no name for it."""
    base, sampler = recipe["base"], str(recipe.get("sampler", "ddim"))
    if not isinstance(base, Mapping) or "pipeline" not in base:
        return _SAMPLERS.get(sampler, _SAMPLERS["ddim"])
    told = base.get("scheduler")
    config = told if isinstance(told, Mapping) else {}
    known = _SAMPLERS.get(sampler, {}).get("Sampler") or _SCHEDULERS.get(str(config.get("_class_name")))
    karras = {"Schedule type": "Karras"} if config.get("use_karras_sigmas") else {}
    return {"Sampler": known, **karras} if known else {}


def _model_told(base: Mapping[str, object]) -> str:
    """Return what the model is called."""
    if "pipeline" in base:
        return str(base.get("name"))
    return "Kolors" if base.get("name") == "kolors" else f"storykit {base.get('name')}"


def _repairs_told(chain: object) -> dict[str, object]:
    """Return what A1111 says of the last variation, img2img, hires fix and upscaling of a picture.

    A network has no name here; it is called by its sha256, as a LoRA is. Of restoring A1111 says the program
    alone, which no file tells.
    """
    told: dict[str, object] = {}
    for step in chain if isinstance(chain, Sequence) else ():
        if step["step"] == "vary":
            told |= {"Variation seed": step["seed"], "Variation seed strength": step["strength"]}
        elif "strength" in step:
            told |= {"Denoising strength": step["strength"]}
        if step["step"] == "refine":
            told |= {"Hires resize": f"{step['size']}x{step['size']}", "Hires upscaler": "Lanczos"}
        if step["step"] == "upscale":
            side, name = step["size"], str(step["finisher"])[:_SHORT]
            told |= {"Postprocess upscale to": f"{side}x{side}", "Postprocess upscaler": name}
    return told


def png_bytes(picture: Image, key: str, recipe: Mapping[str, object], lora_hash: str = "") -> bytes:
    """Return the picture as a PNG that says how it was made; the same bytes for the same picture.

    Args:
        picture: as it was drawn.
        key: the recipe's sha256.
        recipe: what shapes the picture, as `kit.generation.recipe` writes it.
        lora_hash: as `parameters_of` takes it.
    """
    made = {"storykit": installed_version("storykit"), "key": key, **recipe}
    return encoded(
        picture, {RECIPE: canonical_json(made).decode(), PARAMETERS: parameters_of(recipe, lora_hash)}
    )


QUICK, USUAL = 1, 6
"""How hard zlib tries: a tenth larger in a third of the time, and what Pillow takes by itself."""


def encoded(picture: Image, texts: Mapping[str, str] | None = None, level: int = USUAL) -> bytes:
    """Return a picture as the one PNG that is written of these pixels and texts, and nothing else in it.

    Args:
        picture: RGB.
        texts: by name, in the order in which they are written.
        level: QUICK or USUAL.
    """
    chunks = PngInfo()
    for name, text in (texts or {}).items():
        chunks.add_itxt(name, text)
    bare = picture.copy()
    bare.info.clear()
    file = BytesIO()
    bare.save(file, "PNG", pnginfo=chunks, compress_level=level)
    return file.getvalue()
