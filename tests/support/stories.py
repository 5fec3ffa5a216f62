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
