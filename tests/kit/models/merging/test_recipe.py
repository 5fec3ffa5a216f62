import pytest

from kit.models.merging.recipe import NOTE, MergedPart, MergeRecipe, read_recipe

RECIPE = MergeRecipe(
    first=MergedPart(name="甲.safetensors", sha256={"甲.safetensors": "1" * 64}),
    second=MergedPart(name="b", sha256={"x-1.safetensors": "2" * 64, "x-2.safetensors": "3" * 64}),
    share=0.1,
    blocks={"input4": 1 / 3},
    storykit="0.1.0",
)


def test_a_recipe_is_read_as_it_was_written():
    assert read_recipe({NOTE: RECIPE.note(), "format": "pt"}) == RECIPE


def test_where_nothing_is_said_there_is_none():
    assert read_recipe({"format": "pt"}) is None


@pytest.mark.parametrize("note", ["", "[]", '{"share": 0.1}', RECIPE.note().replace("0.1", '"much"', 1)])
def test_a_note_without_sense_is_refused(note):
    with pytest.raises(ValueError, match="has a recipe of a merge that cannot be read: storykit_merge"):
        read_recipe({NOTE: note})
