"""The texts of a bundle: model card, ModelScope configuration, post, notice."""

from collections.abc import Mapping
from pathlib import Path

import jinja2

from submissions.manifest import Manifest, json_bytes
from submissions.rules import Rules

TEMPLATES = Path(__file__).parent / "templates"
CONFIGURATION: Mapping[str, str] = {"framework": "Pytorch", "task": "text-to-image-synthesis"}
"""ModelScope's configuration.json; without it a repository is no model."""
KOLORS = "Kwai-Kolors/Kolors"
NO_LINK = "LoRA模型链接地址"
"""What stands in the post's title until the LoRA is published: the contest's own word for it."""


def texts_of(manifest: Manifest, rules: Rules) -> dict[str, bytes]:
    """Return the bundle's texts by file name; of the manifest they use all but `files`."""
    return {
        "README.md": _fill("README.md.j2", manifest, rules),
        "configuration.json": json_bytes(CONFIGURATION),
        "NOTICE": _fill("NOTICE.j2", manifest, rules),
        "post.txt": _fill("post.txt.j2", manifest, rules),
    }


def post_title(manifest: Manifest, rules: Rules) -> str:
    """Return the title of the post; until the LoRA has an address, the contest's word stands for it."""
    return rules.post_title(manifest.team, manifest.link or NO_LINK)


def front_matter(manifest: Manifest) -> str:
    """Return the YAML that ModelScope reads at the top of a card."""
    lines = ["---"]
    if not manifest.notice:
        lines.append(f"base_model: {KOLORS}")
    lines += ["frameworks:", "- Pytorch", "license: Apache License 2.0"]
    if manifest.lora:
        lines += ["tags:", "- LoRA"]
    lines += ["tasks:", "- text-to-image-synthesis", "---"]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    r"""Return a text that stays inside one cell of a Markdown table.

    >>> _cell("cat | dog")
    'cat \\| dog'
    """
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def _fill(template: str, manifest: Manifest, rules: Rules) -> bytes:
    """Return a template filled in, as UTF-8 with line feeds."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES, encoding="utf-8"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["cell"] = _cell
    text = environment.get_template(template).render(
        m=manifest,
        rules=rules,
        title=post_title(manifest, rules),
        blank=NO_LINK,
        front_matter=front_matter(manifest),
        base_name="storykit mini" if manifest.notice else KOLORS,
        negatives=list(dict.fromkeys(panel.negative for panel in manifest.panels if panel.negative)),
    )
    return text.encode()
