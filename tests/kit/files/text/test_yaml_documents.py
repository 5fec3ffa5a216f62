import pytest

from kit.errors import InputError
from kit.files.text.yaml_documents import MOST_BYTES, read_yaml


def read(folder, text):
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, 2.5, yes, null, ~]", {"a": 1, "b": ["x", 2.5, True, None, None]}),
        ("a: 0x10\nb: 1_000\nc: -3\nd: 1e3\ne: .5", {"a": 16, "b": 1000, "c": -3, "d": "1e3", "e": 0.5}),
        ("a: 2024-01-01\nb: '12'", {"a": "2024-01-01", "b": "12"}),
        ("? a\n: b # why", {"a": "b"}),
        ("", None),
        ("# nothing", None),
        ("小猫: 在公园", {"小猫": "在公园"}),
    ],
)
def test_plain_yaml_is_read(tmp_path, text, value):
    assert read(tmp_path, text) == value


REFUSED = {
    "a bad whole number": ("x: !!int abc", "line 1: must be a number, got abc"),
    "a number of 200,000 digits": ("a: b\nx: " + "9" * 200_000, "line 2: must be a number, got 9{40}$"),
    "a number in sixties": ("x: " + "1:" * 1000 + "1", "line 1: must be a number"),
    "more than 64 bit": ("x: 9223372036854775808", "line 1: must be a number within 64 bit"),
    "a hexadecimal beyond": ("x: 0x" + "f" * 30, "within 64 bit"),
    "an alias": ("a: &b {c: 1}\nd: *b", r"line 2: refers to another place with \*b; write the value out"),
    "a billion laughs": (
        "a: &a [x]\n"
        + "".join(f"{c}: &{c} [*{p},*{p},*{p}]\n" for p, c in zip("abcdef", "bcdefg", strict=True)),
        "line 2: refers to another place",
    ),
    "merged without end": (
        "a: &a {b: 1}\nc: &c {<<: [*a, *a]}\nd: {<<: [*c, *c]}",
        "line 2: refers to another",
    ),
    "depth in brackets": ("[" * 200_000, "line 1: is nested more than 32 deep"),
    "depth in dashes": ("- " * 100_000, "line 1: is nested more than 32 deep"),
    "depth in marks": ("? " * 5000, "nested more than 32 deep"),
    "a key twice": ("process: []\nprocess: [x]", "line 2: the key process occurs twice"),
    "a key of parts": ("? [a, b]\n: c", "line 1: a key must be a text"),
    "half a list": ("a: [1,", "is not YAML"),
    "a tab": ("a:\n\t- b", "is not YAML"),
    "two documents": ("a: 1\n---\nb: 2", "is not YAML"),
    "length": ("# " + "x" * MOST_BYTES, "is longer than"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_yaml_that_costs_more_than_it_is_long_or_means_nothing_is_refused(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason) as refused:
        read(tmp_path, text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "tag", ["!!timestamp 2001-99-99", "!!bool maybe", "!!python/object:os.system x", "!!binary /"]
)
def test_a_tag_runs_nothing_and_breaks_nothing(tmp_path, tag):
    assert read(tmp_path, f"x: {tag}") in ({"x": tag.split(" ")[1]}, {"x": False})
