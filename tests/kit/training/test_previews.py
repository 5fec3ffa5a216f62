"""The story that is watched while a training goes on."""

from pathlib import Path

import pytest
from watched_training import watched_training_file

from kit.errors import InputError
from kit.training.config import load_training
from kit.training.previews import watched_story


@pytest.mark.parametrize(
    ("told_more", "fault"),
    [
        ('control = [{ kind = "depth", picture = "gone.png" }]', 'kind = "depth" needs a ControlNet, which'),
        ('[characters.tom]\ntext = "a boy"\nreference = "gone.png"', "tom.reference: file gone.png does not"),
    ],
)
def test_a_story_that_cannot_be_drawn_is_refused_before_anything_is_trained(
    tmp_path: Path, told_more: str, fault: str
) -> None:
    training = load_training(watched_training_file(tmp_path))
    story = tmp_path / "story.toml"
    story.write_text(f"{story.read_text('utf-8')}\n{told_more}\n", encoding="utf-8")
    assert training.watch is not None
    with pytest.raises(InputError, match=fault):
        watched_story(training, training.watch)
