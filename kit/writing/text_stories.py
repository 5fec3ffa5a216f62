"""Stories in eight lines of text, in the form of other stories while they are written."""

from collections.abc import Mapping
from pathlib import Path

from kit.errors import InputError
from kit.files.text.commented_toml import rewritten, toml_of
from kit.messages import tr
from kit.story.story import PANELS, language_of
from kit.writing.story_draft import KEYS, MOST_PANELS


def toml_of_lines(text: str, name: str) -> str:
    r"""Return the story of a text of lines as TOML; there may be more or fewer than eight.

    Args:
        text: with line ends of \\n.
        name: of its file, which is its title.
    """
    prompts = [" ".join(one.splitlines()).strip() for one in text.split("\n")]
    panels = [{"prompt": one} for one in prompts if one]
    document = {"title": name, "language": language_of(text), "panel": panels}
    return rewritten("", document, KEYS) if panels else toml_of(document | {"panel": []})


def lines_of(document: Mapping[str, object], before: str, path: Path) -> str:
    """Return a story as lines of text; raises InputError where it has what lines cannot say.

    Args:
        document: the story.
        before: the lines as they were; where they say the same, they stay as they are.
        path: their file.
    """
    panels = document.get("panel")
    listed = panels if isinstance(panels, list) else []
    prompts = [one.get("prompt") for one in listed if isinstance(one, dict) and set(one) == {"prompt"}]
    lines = [one.strip() for one in prompts if isinstance(one, str) and "\n" not in one.strip()]
    plain = {"title": path.stem, "language": document.get("language"), "panel": listed}
    if len(lines) != len(listed) or document != plain or len(lines) > max(PANELS, MOST_PANELS):
        told = tr(
            "a .txt story holds eight prompts and nothing else, no title, caption, characters or clauses: "
            "save it under a new name, as a .toml file"
        )
        raise InputError(str(path), [told])
    kept = [one.strip() for one in before.split("\n") if one.strip()]
    return before if kept == [one for one in lines if one] else "\n".join(lines) + "\n"
