"""Which ControlNets and annotators an experiment must name, and for which bases."""

from pathlib import Path

import pytest

from kit.errors import InputError
from kit.experiment.config import load_experiment
from tests.support.controlled_run import EDGES, controlled_experiment
from tests.support.published_toy import toy_published
from tests.support.toy_controlnets import NAMES
from tests.support.toy_pipelines import toy_models


def canny() -> str:
    return f'canny = "{toy_models() / NAMES["sdxl/canny"]}"\n'


def faults(path: Path, old: str = "", new: str = "") -> tuple[str, ...]:
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError) as refused:
        load_experiment(path)
    return refused.value.faults


def test_a_kind_without_its_networks_says_which_tables_lack_it(tmp_path):
    depth = 'control = [{ kind = "depth", picture = "one.png" }]'
    assert faults(controlled_experiment(tmp_path, [EDGES, depth], tables=canny())) == (
        'stories[1] tale: panel[2].control[1]: kind = "depth" needs a folder in the experiment: '
        '[controlnets] depth = "FOLDER"',
        'stories[1] tale: panel[2].control[1]: kind = "depth" needs a folder in the experiment: '
        '[annotators] depth = "FOLDER"',
    )


def test_a_base_that_takes_no_control_says_so_in_a_line(tmp_path):
    path, cascade = controlled_experiment(tmp_path), toy_models() / "AI-ModelScope" / "stable-cascade"
    named = f'base = {{ folder = "{cascade}", prior = "{cascade}-prior" }}'
    before = next(line for line in path.read_text().splitlines() if line.startswith("base"))
    [told] = faults(path, before, named)
    assert told == (
        "stories[1] tale: panel[1].control[1]: control is for Kolors, SDXL and Stable Diffusion, and the "
        "base is stable-cascade: delete control in the story, or name such a base"
    )


def test_kolors_refuses_a_controlnet_of_sdxl_before_anything_is_drawn(tmp_path):
    path = controlled_experiment(tmp_path, [EDGES], tables=canny())
    before = next(line for line in path.read_text().splitlines() if line.startswith("base"))
    [told] = faults(path, before, f'base = "{toy_published()}"')
    assert told.startswith(
        "controlnets.canny: the ControlNet controlnet-canny-sdxl-1.0 is for another base than Kolors: "
    )


def test_a_controlnet_of_another_base_is_refused_naming_both(tmp_path):
    path = controlled_experiment(tmp_path, [EDGES], family="sd", tables=canny())
    [told] = faults(path)
    assert told.startswith("controlnets.canny: the ControlNet controlnet-canny-sdxl-1.0 is for another base")
    assert "than v7: block_out_channels [8, 16, 16], the base's [8, 16, 16, 16]" in told


def test_a_controlnet_is_found_by_the_name_that_a_hub_has_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("STORYKIT_MODELS", str(toy_models()))
    path = controlled_experiment(tmp_path, [EDGES], tables=f'canny = "{NAMES["sdxl/canny"]}"\n')
    assert load_experiment(path).experiment.controlnets.canny == str(toy_models() / NAMES["sdxl/canny"])
    [told] = faults(path, "canny-sdxl", "canny-sdlx")
    assert told.startswith("controlnets.canny: must be a folder or a model that was downloaded")


def test_a_map_that_no_step_would_hear_is_refused_with_a_share_that_would(tmp_path):
    early = EDGES.replace(" }]", ", until = 0.4 }]")
    [told] = faults(controlled_experiment(tmp_path, [early], tables=canny()))
    assert told == (
        "stories[1] tale: panel[1].control[1].until: 0.4 ends before the first of 2 steps, so that the map "
        "would be heard in none: write 0.5 or more"
    )


def test_drafts_must_hear_a_map_too_where_drafts_are_drawn(tmp_path):
    early = EDGES.replace(" }]", ", until = 0.6 }]")
    path = controlled_experiment(tmp_path, [early], tables=canny())
    path.write_text(path.read_text() + "\n[draft]\nsteps = 1\n")
    load_experiment(path)
    with pytest.raises(InputError, match=r"0.6 ends before the first of 1 step.*write 1 or more"):
        load_experiment(path, draft=True)


def test_a_control_that_is_no_list_is_told_how_it_is_written_in_its_panel(tmp_path):
    [told] = faults(
        controlled_experiment(tmp_path, [EDGES.replace("[", "").replace("]", "")], tables=canny())
    )
    assert told.endswith("; write [[panel.control]] with two brackets on each side")
