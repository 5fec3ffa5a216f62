import pytest

from kit.experiment.candidates.naming import nameless, refuse_one_name


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({}, '(no lora) has no name: write name = "base"'),
        ({"lora": "mini:ink"}, '(lora mini:ink) has no name: write name = "ink"'),
        ({"lora": "loras/My Ink_v2.safetensors"}, 'write name = "my-ink-v2"'),
        ({"lora": r"C:\\loras\\水墨.safetensors"}, 'write name = "水墨"'),
        ({"loras": [{"file": "mini:ink"}, {"file": "mini:mosaic"}]}, 'write name = "ink"'),
        ({"lora": "___.safetensors"}, 'write name = "style"'),
        ({"lora": 5}, '(no lora) has no name: write name = "base"'),
        ({"lora": "red\x1b[31m.ckpt"}, "(lora red\\x1b[31m.ckpt) has no name"),
    ],
)
def test_a_candidate_without_a_name_is_offered_that_of_its_lora(table: object, told: str) -> None:
    assert told in nameless(table)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([["ink"], ["ink"]], 'candidate[1] and candidate[2] are both named ink: .* as name = "ink-2"'),
        ([["ink"], ["ink-2"], ["ink"]], 'candidate[1] and candidate[3] .* as name = "ink-3"'),
        ([["ink-40", "ink-80"], ["ink-80"]], "candidate[1] and candidate[2] are both named ink-80"),
        ([["base"], ["ink-50", "ink-50"]], "candidate[2] makes ink-50 twice: name each value once"),
    ],
)
def test_two_of_one_name_are_told_by_their_places(names: list[list[str]], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("[", r"\[").replace("]", r"\]")):
        refuse_one_name(names)


def test_names_that_differ_are_let_through() -> None:
    refuse_one_name([["base"], ["ink-40", "ink-80"], ["ink"]])
