import json

import pytest
from bundles import PATHS, TOKENS
from hypothesis import given
from hypothesis import strategies as st

from submissions.untrusted.secret_scan import find_leaks

HARMLESS = (
    "https://modelscope.cn/models/team/ink",
    "男/女/老人/小孩",
    "style and/or mood, 1/2 light, 4x2, 24/7",
    "lora/ink.safetensors and panels/1.png",
    "a cat @ the bridge, ratio 16:9, (lantern:1.2)",
    '"tokenizer": "chatglm", "tokens": 77',
    "8d814ba79bc5571eb5bafd60f6a52b75f9e4ce9d4713d867659697b0877ac8b7",
    "</p> <br/> // comment",
)


@pytest.mark.parametrize("name", TOKENS)
def test_a_secret_is_found_by_its_shape_and_not_repeated_whole(name):
    faults = find_leaks("README.md", f"first line\nsee {TOKENS[name]} there")
    assert [fault.place for fault in faults] == ["README.md, line 2"]
    assert name in faults[0].problem
    assert TOKENS[name] not in faults[0].problem


@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_this_machine_is_found(path):
    assert any("path" in fault.problem for fault in find_leaks("x", f"trained from {path}"))
    assert any("path" in fault.problem for fault in find_leaks("x", json.dumps({"file": path})))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_belongs_in_a_bundle_is_no_leak(text):
    assert find_leaks("x", text) == []


@given(st.text(max_size=400))
def test_looking_for_leaks_never_crashes(text):
    for fault in find_leaks("x", text):
        assert str(fault).isprintable()
