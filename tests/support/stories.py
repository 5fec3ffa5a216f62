"""Stories made in Python."""

from kit.story.story import CharacterDescription, Description, Panel, Story


def story_of_panels(*panels: Panel) -> Story:
    every = [*panels, *(Panel(prompt=f"小猫{k}") for k in range(8 - len(panels)))]
    return Story(
        title="t",
        characters={"cat": CharacterDescription(text="一只橙色的小猫")},
        places={"forest": Description(text="在森林")},
        panel=tuple(every),
    )


def plain_story(*lines: str) -> Story:
    """Return a story of plain prompts, filled up to eight with landscapes that show nobody."""
    chinese = any(ord(letter) > 0x3000 for line in lines for letter in line)
    hours = range(len(lines) + 1, 9)
    filled = [*lines, *((f"山谷{k}点的雾" if chinese else f"a valley in the mist, hour {k}") for k in hours)]
    return Story.model_validate(
        {"title": "t", "language": "zh" if chinese else "en", "panel": [{"prompt": one} for one in filled]}
    )


def clause_story(characters: dict[str, str], *panels: str, language: str = "zh") -> Story:
    """Return a story in clauses, filled up to eight panels with landscapes.

    A panel is written "role: words | role: words"; a subject `@name` is the character of that name.
    """
    filled = [
        *panels,
        *(f"place: {'山谷' if language == 'zh' else 'valley'} {k}" for k in range(len(panels) + 1, 9)),
    ]
    described = {name: {"text": text} for name, text in characters.items()}
    return Story.model_validate(
        {
            "title": "t",
            "language": language,
            "characters": described,
            "panel": [{"clauses": [_clause(one) for one in panel.split(" | ")]} for panel in filled],
        }
    )


def _clause(text: str) -> dict[str, str]:
    role, words = text.split(": ", 1)
    return {"role": role, "character": words[1:]} if words.startswith("@") else {"role": role, "text": words}
