from dataclasses import replace

import pytest
from pydantic import TypeAdapter, ValidationError

from kit.embedded import FINISHER
from kit.experiment.steps import (
    Instruct,
    Outpaint,
    Redraw,
    Refine,
    Restore,
    StepList,
    Upscale,
    Vary,
    instructions_in,
    kept_networks_in,
    masks_in,
    side_after,
    sides_in,
    step_told,
    words_after,
    words_in,
)
from kit.files.encodings import sha256_of
from kit.messages import speaking

CHAIN = TypeAdapter(StepList)
MASK = "5" * 64
STEPS = (
    Vary(seed=7, strength=0.2),
    Redraw(seed=1, strength=0.5, mask=MASK),
    Redraw(seed=2, strength=1.0, prompt="rain"),
)


def test_steps_are_written_without_what_shapes_nothing_and_read_back():
    told = [step_told(step) for step in STEPS]
    assert told == [
        {"step": "vary", "seed": 7, "strength": 0.2},
        {"step": "redraw", "seed": 1, "strength": 0.5, "mask": MASK},
        {"step": "redraw", "seed": 2, "strength": 1.0, "prompt": "rain"},
    ]
    assert CHAIN.validate_python(told) == STEPS


def test_the_last_words_that_a_step_names_are_those_of_the_picture():
    assert words_after("sun", STEPS) == "rain"
    assert words_after("sun", STEPS[:2]) == "sun"
    assert (words_in(STEPS), masks_in(STEPS)) == (["rain"], [MASK])


FINISHED = (
    Redraw(seed=1, strength=0.5, mask=MASK),
    Outpaint(seed=0, strength=0.8, left=16, right=16, bottom=32, prompt="sea"),
    Refine(seed=3, strength=0.3, size=2048, tile=768),
)


def test_larger_pictures_are_steps_too_that_say_what_shapes_them_and_how_large_they_are():
    told = [step_told(step) for step in FINISHED]
    assert told[1:] == [
        {
            "step": "outpaint",
            "seed": 0,
            "strength": 0.8,
            "left": 16,
            "right": 16,
            "bottom": 32,
            "prompt": "sea",
        },
        {"step": "refine", "seed": 3, "strength": 0.3, "size": 2048, "tile": 768},
    ]
    assert CHAIN.validate_python(told) == FINISHED
    assert sides_in(1024, FINISHED) == [1024, 1024, 1056, 2048]
    assert side_after(1024, ()) == 1024
    assert words_after("sun", FINISHED) == "sea"
    assert [step.finishes for step in FINISHED] == [False, False, True]


@pytest.mark.parametrize(("size", "tile", "ends"), [(2048, 512, True), (2048, 480, False), (64, 0, True)])
def test_parts_are_not_so_small_that_a_refinement_would_never_end(size, tile, ends):
    step = Refine(seed=0, strength=0.3, size=size, tile=tile)
    if ends:
        assert CHAIN.validate_python([step_told(step)]) == (step,)
    else:
        with pytest.raises(ValidationError, match="at most 4 parts side by side, got parts of 480 in 2048"):
            CHAIN.validate_python([step_told(step)])


INPAINTED = (
    Redraw(seed=1, strength=0.5, mask=MASK, inpainting="7" * 64),
    Outpaint(seed=0, strength=0.8, left=32, top=32, inpainting="7" * 64),
)


def test_a_step_says_which_unet_for_inpainting_drew_it_and_else_nothing_of_it():
    told = [step_told(step) for step in INPAINTED]
    assert [one["inpainting"] for one in told] == ["7" * 64] * 2
    assert CHAIN.validate_python(told) == INPAINTED
    assert all("by the UNet of Kolors-Inpainting" in step.said() for step in INPAINTED)
    assert all("inpainting" not in step_told(replace(step, inpainting="")) for step in INPAINTED)


NETWORK, OWN = "6" * 64, sha256_of(FINISHER)
BY_NETWORKS = (
    Upscale(finisher=OWN, size=1024),
    Restore(finisher=NETWORK, mask=MASK),
    Upscale(finisher=NETWORK, size=2048),
    Restore(finisher=NETWORK),
)


def test_what_a_network_made_names_it_by_its_file_and_storykits_own_is_never_kept():
    told = [step_told(step) for step in BY_NETWORKS]
    assert told == [
        {"step": "upscale", "finisher": OWN, "size": 1024},
        {"step": "restore", "finisher": NETWORK, "mask": MASK},
        {"step": "upscale", "finisher": NETWORK, "size": 2048},
        {"step": "restore", "finisher": NETWORK},
    ]
    assert CHAIN.validate_python(told) == BY_NETWORKS
    assert sides_in(256, BY_NETWORKS) == [256, 1024, 1024, 2048, 2048]
    assert (masks_in(BY_NETWORKS), kept_networks_in(BY_NETWORKS)) == ([MASK], [NETWORK] * 3)
    assert {(step.finishes, step.seed, step.prompt) for step in BY_NETWORKS} == {(True, None, "")}


EDIT = Instruct(
    seed=4, instruction="make it night", guidance=7.5, picture_guidance=1.5, steps=20, editor="8" * 64,
    mask=MASK,
)  # fmt: skip


def test_an_edit_says_all_that_shapes_it_and_its_instruction_describes_no_panel():
    told = step_told(EDIT)
    assert told == {
        "step": "instruct", "seed": 4, "instruction": "make it night", "guidance": 7.5,
        "picture_guidance": 1.5, "steps": 20, "editor": "8" * 64, "mask": MASK,
    }  # fmt: skip
    half = replace(EDIT, dtype="float16")
    assert step_told(half) == {**told, "dtype": "float16"}
    assert CHAIN.validate_python([told, step_told(half)]) == (EDIT, half)
    assert (words_after("sun", (EDIT,)), words_in([EDIT])) == ("sun", [])
    assert (instructions_in((*STEPS, EDIT)), masks_in([EDIT])) == (["make it night"], [MASK])
    assert (EDIT.finishes, EDIT.by_base, side_after(256, (EDIT,))) == (False, False, 256)
    assert EDIT.said() == "edited by the instruction 'make it night', seed 4, inside a mask"
    assert [step.by_base for step in (*STEPS, *FINISHED)] == [True] * 6


def test_people_read_what_was_done():
    assert [step.said() for step in STEPS] == [
        "noise varied, strength 0.2, seed 7",
        "drawn again, strength 0.5, seed 1, inside a mask",
        "drawn again, strength 1, seed 2, with the words 'rain'",
    ]
    assert [step.said() for step in FINISHED[1:]] == [
        "drawn on by 16 pixels to the left, 16 right, 0 above, 32 below, strength 0.8, seed 0, "
        "with the words 'sea'",
        "refined at 2048 pixels, strength 0.3, seed 3, in parts of 768 pixels",
    ]
    assert [step.said() for step in BY_NETWORKS[:2]] == [
        "enlarged to 1024 pixels by storykit's own network",
        "restored by the network 6666666666, inside a mask",
    ]
    with speaking("zh"):
        assert STEPS[0].said() == "改变噪声，强度 0.2，种子 7"


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": "paint", "seed": 1, "strength": 0.5},
        {"step": "redraw", "seed": -1, "strength": 0.5},
        {"step": "redraw", "seed": 1, "strength": 0},
        {"step": "redraw", "seed": 1, "strength": 1.01},
        {"step": "redraw", "seed": 1, "strength": float("nan")},
        {"step": "redraw", "seed": 1, "strength": 0.5, "mask": "../x"},
        {"step": "redraw", "seed": 1, "strength": 0.5, "inpainting": "7" * 64},
        {"step": "redraw", "seed": 1, "strength": 0.5, "mask": MASK, "inpainting": "../x"},
        {"step": "refine", "seed": 1, "strength": 0.3, "size": 1024, "inpainting": "7" * 64},
        {"step": "redraw", "seed": 1, "strength": 0.5, "prompt": "x" * 5000},
        {"step": "vary", "seed": 1, "strength": 0.5, "mask": MASK},
        {"step": "vary", "seed": 1},
        {"step": "vary", "strength": 0.5},
        {"step": "redraw", "strength": 0.5},
        {"step": "outpaint", "strength": 0.8, "left": 32, "top": 32},
        {"step": "refine", "strength": 0.3, "size": 1024},
        {"step": "upscale", "size": 1024},
        {"step": "upscale", "finisher": NETWORK},
        {"step": "upscale", "finisher": "", "size": 1024},
        {"step": "upscale", "finisher": f"../{NETWORK}", "size": 1024},
        {"step": "upscale", "finisher": NETWORK, "size": 4096},
        {"step": "upscale", "finisher": NETWORK, "size": 1000},
        {"step": "upscale", "finisher": NETWORK, "size": 1024, "seed": 1},
        {"step": "restore"},
        {"step": "restore", "finisher": NETWORK, "mask": "../x"},
        {"step": "restore", "finisher": NETWORK, "size": 1024},
        step_told(EDIT) | {"instruction": " "},
        step_told(EDIT) | {"guidance": 0.9},
        step_told(EDIT) | {"picture_guidance": float("inf")},
        step_told(EDIT) | {"steps": 0},
        step_told(EDIT) | {"steps": 10**9},
        step_told(EDIT) | {"editor": ""},
        step_told(EDIT) | {"editor": f"../{MASK}"},
        step_told(EDIT) | {"dtype": "float64"},
        step_told(EDIT) | {"prompt": "rain"},
        {"step": "outpaint", "seed": 1, "strength": 0.8},
        {"step": "outpaint", "seed": 1, "strength": 0.8, "left": 32, "top": 64},
        {"step": "outpaint", "seed": 1, "strength": 0.8, "left": 8, "top": 8},
        {"step": "outpaint", "seed": 1, "strength": 0.8, "left": 64, "right": -32, "top": 32},
        {"step": "refine", "seed": 1, "strength": 0.3},
        {"step": "refine", "seed": 1, "strength": 0.3, "size": 2080},
        {"step": "refine", "seed": 1, "strength": 0.3, "size": 1000},
        {"step": "refine", "seed": 1, "strength": 0.3, "size": 1024, "tile": 100},
    ],
)
def test_a_step_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError):
        CHAIN.validate_python([wrong])


def test_a_chain_has_an_end():
    with pytest.raises(ValidationError):
        CHAIN.validate_python([step_told(STEPS[0])] * 17)
