import pytest
from fakes import toy_base

from kit.errors import WeightsError
from kit.generation.devices.multi_gpu import load_painter
from kit.models.base import load_base


def test_kolors_that_was_never_fetched_is_told_with_the_command_that_fetches_it(tmp_path, monkeypatch):
    monkeypatch.setenv("STORYKIT_MODELS", str(tmp_path))
    told = (
        "Kolors is not on this machine yet: `storykit download kolors` fetches it (18 GB; drawing wants "
        'a GPU); to practise without, write base = "mini"'
    )
    with pytest.raises(WeightsError) as never:
        load_base("kolors")
    assert str(never.value) == told
    (tmp_path / "Kolors" / "unet").mkdir(parents=True)
    with pytest.raises(WeightsError, match=r"lacks unet/config\.json, .* fetches what is missing"):
        load_base("kolors")


def test_a_folder_without_a_config_is_no_base(base_copy):
    (base_copy / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"or config\.json \(laid out like mini\); there is neither"):
        load_painter(str(base_copy), "cpu")


def test_a_folder_laid_out_like_the_embedded_base_is_a_base():
    assert load_painter(str(toy_base()), "cpu").identity["sha256"] == load_base(toy_base()).sha256
