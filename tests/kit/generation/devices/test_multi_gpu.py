import sys

import pytest
from fakes import toy_base

from kit.errors import RunError, WeightsError
from kit.generation.devices.multi_gpu import load_painter, painters_on
from kit.generation.kolors.kolors_painter import KolorsPainter


def test_one_device_draws_in_this_process():
    with painters_on(str(toy_base()), "cpu") as painters:
        assert [type(painter) for painter in painters] == [KolorsPainter]


@pytest.mark.parametrize("where", [("all", ""), ("auto", "127.0.0.1:1")])
def test_several_devices_without_ray_are_one_line_that_says_what_to_install(where, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr("kit.workers.devices.pick_devices", lambda _: ["cuda:0", "cuda:1"])
    with pytest.raises(RunError, match=r"not installed: pip install storykit\[ray\]"):  # noqa: SIM117
        with painters_on(str(toy_base()), *where):
            pass


def test_a_pipeline_without_diffusers_is_one_line_that_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionXLPipeline"}')
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(
        WeightsError, match=r"diffusers, which is not installed: pip install storykit\[bases\]"
    ):
        load_painter(str(tmp_path), "cpu")
