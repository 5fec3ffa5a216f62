"""The texts of a bundle: model card, ModelScope configuration, post, notice."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jinja2

from kit.experiment.controls.control_record import ControlRecord, map_file
from kit.experiment.references.image_prompt_record import reference_file
from kit.experiment.steps import Step, mask_file, network_file, step_told
from kit.files.encodings import json_bytes
from kit.finishing.kept_networks import embedded_network
from kit.lora.metadata import WRITTEN_ANEW
from submissions.bundle.manifest import MAX_NODE_ALPHA, Manifest
from submissions.contest.rules import Rules

TEMPLATES = Path(__file__).parent / "templates"
CONFIGURATION: Mapping[str, str] = {"framework": "Pytorch", "task": "text-to-image-synthesis"}
"""ModelScope's configuration.json; without it a repository is no model."""
KOLORS = "Kwai-Kolors/Kolors"
HUGGING_FACE_CARD = "README.huggingface.md"
"""The card for Hugging Face, where it takes README.md's place."""
TEXTS = ("README.md", HUGGING_FACE_CARD, "configuration.json", "NOTICE", "post.txt")
"""Every text of a bundle that follows from its manifest and the rules."""
_UNTOLD = frozenset({"trigger", *WRITTEN_ANEW}) | {"ss_network_module"}
"""Metadata of a LoRA that says nothing of its training, or is in the card already."""
_SHORT = 10
"""Characters of a ControlNet's sha256 that the card shows."""
NO_LINK = "LoRA模型链接地址"
"""What stands in the post's title until the LoRA is published: the contest's own word for it."""


def texts_of(manifest: Manifest, rules: Rules) -> dict[str, bytes]:
    """Return the bundle's texts by file name; of the manifest they use all but `files`."""
    return {
        "README.md": _fill("README.md.j2", manifest, rules),
        HUGGING_FACE_CARD: _fill("README.md.j2", manifest, rules, gallery=True),
        "configuration.json": json_bytes(CONFIGURATION),
        "NOTICE": _fill("NOTICE.j2", manifest, rules),
        "post.txt": _fill("post.txt.j2", manifest, rules),
    }


def _json(value: object) -> str:
    r"""Return a value as JSON on one line, which is YAML as well once all marks that break lines are escaped.

    A YAML library would write other bytes than the bundles that are out have.

    >>> _json(["雨夜", "\u2028"])
    '["雨夜", "\\u2028"]'
    """
    text = json.dumps(value, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def _training(manifest: Manifest) -> dict[str, str]:
    """Return what the LoRA's file says of its training."""
    notes = manifest.lora.notes if manifest.lora else {}
    return {name: text for name, text in sorted(notes.items()) if name not in _UNTOLD and text}


def _cell(text: str) -> str:
    r"""Return a text that stays inside one cell of a Markdown table.

    >>> _cell("cat | dog")
    'cat \\| dog'
    """
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def _step(step: Step) -> str:
    """Return a step of a chain in a line.

    >>> from kit.experiment.steps import Redraw
    >>> _step(Redraw(seed=4, strength=0.5, prompt="rain"))
    'redraw, seed 4, strength 0.5, prompt rain'
    """
    told = step_told(step)
    if "mask" in told:
        told["mask"] = mask_file(str(told["mask"]))
    if step.finisher:
        own = step.finisher == embedded_network()
        told["finisher"] = "storykit mini" if own else network_file(step.finisher)
    name = told.pop("step")
    return ", ".join([str(name), *(f"{key} {value}" for key, value in told.items())])


def _held(control: ControlRecord) -> str:
    """Return a map that a panel was held to in a line."""
    net = control.controlnet[:_SHORT]
    return (
        f"{control.kind} {map_file(control.map)}, weight {control.weight:g}, until {control.until:g}, "
        f"ControlNet {net}"
    )


@cache
def environment() -> jinja2.Environment:
    """Return where templates are read and kept compiled."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES, encoding="utf-8"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        auto_reload=False,
    )
    environment.filters |= {
        "step": _step,
        "held": _held,
        "reference": reference_file,
        "cell": _cell,
        "number": "{:.6g}".format,
        "json": _json,
    }
    return environment


def _base_name(manifest: Manifest) -> str:
    """Return what a base is called on a page."""
    if manifest.pipeline:
        return f"{manifest.base.get('name')} ({manifest.pipeline})"
    return "storykit mini" if manifest.notice else KOLORS


def _fill(name: str, manifest: Manifest, rules: Rules, gallery: bool = False) -> bytes:
    """Return a template filled in, as UTF-8 with line feeds."""
    template = environment().get_template(name)
    return template.render(
        m=manifest,
        rules=rules,
        title=rules.post_title(manifest.team, manifest.link or NO_LINK),
        gallery=gallery,
        kijai=manifest.lora is None or manifest.lora.fits_kijai,
        strongest=MAX_NODE_ALPHA,
        widget=[{"text": panel.prompt, "output": {"url": panel.file}} for panel in manifest.panels],
        training=_training(manifest),
        base_name=_base_name(manifest),
        negatives=list(dict.fromkeys(panel.negative for panel in manifest.panels if panel.negative)),
    ).encode()
