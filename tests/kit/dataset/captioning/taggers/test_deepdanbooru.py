import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from fakes import fake_picture
from toy_taggers import deepdanbooru_state, port_convolutions, published_shapes

from kit.dataset.captioning.taggers.deepdanbooru import DeepDanbooruNetwork, open_deepdanbooru, port_names
from kit.errors import WeightsError

TAGS = ("1girl", "long_hair", "rating:safe", "^_^")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("port") / "model-resnet_custom_v3.pt"
    torch.save(deepdanbooru_state(TAGS), path)
    return path


def test_the_full_network_has_the_published_names_and_shapes() -> None:
    full = port_convolutions()
    for number, shape in published_shapes().items():
        out, into, side = full[number]
        assert (out, into, side, side) == shape
    names = port_names()
    assert set(names) == {f"n_Conv_{n}.weight" for n in range(179)} | {f"n_Conv_{n}.bias" for n in range(178)}
    told = {
        f"n_Conv_{n}.weight": torch.empty(out, into, side, side, device="meta")
        for n, (out, into, side) in full.items()
    }
    with torch.device("meta"):
        built = DeepDanbooruNetwork(told).state_dict()
    assert set(built) == set(names.values())
    assert all(built[names[name]].shape == weight.shape for name, weight in told.items())
    assert 150e6 < sum(weight.numel() for weight in built.values()) < 170e6


def port(state: Mapping[str, Any], picture: torch.Tensor) -> torch.Tensor:
    """Return what the port's own graph gives, written out convolution by convolution."""

    def conv(number: int, x: torch.Tensor, stride: int = 1) -> torch.Tensor:
        return F.conv2d(x, state[f"n_Conv_{number}.weight"], state.get(f"n_Conv_{number}.bias"), stride)

    x = F.relu(conv(0, F.pad(picture, [2, 3, 2, 3]), 2))
    x = F.max_pool2d(F.pad(x, [0, 1, 0, 1], value=float("-inf")), 3, 2)
    first = {1: 1, 11: 2, 36: 2, 97: 2, 158: 2, 168: 2}
    number = 1
    while number < 178:
        stride, late = first.get(number, 1), number == 97
        shortcut = number in first
        a = number + 1 if shortcut and not late else number
        y = F.relu(conv(a, x))
        y = conv(a + 1, F.pad(y, [0, 1, 0, 1] if stride == 2 else [1, 1, 1, 1]), stride)
        y = conv(a + 2, F.relu(y))
        x = F.relu(y + (conv(100 if late else number, x, stride) if shortcut else x))
        number += 4 if shortcut else 3
    return conv(178, x).mean((2, 3)).sigmoid()


def test_it_gives_what_the_ports_graph_gives(weights: Path) -> None:
    tagger = open_deepdanbooru(weights, 0.5, "cpu")
    picture = torch.rand((1, 3, 128, 128), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = port(deepdanbooru_state(TAGS), picture)
        torch.testing.assert_close(tagger._network(picture), wanted)
    assert float(wanted.std()) > 0.01


def test_tags_are_told_from_the_threshold_without_ratings(weights: Path) -> None:
    picture = fake_picture("a", 40)
    told = open_deepdanbooru(weights.parent, 0.0, "cpu")(picture)
    assert sorted(told) == ["1girl", "^_^", "long hair"]
    assert open_deepdanbooru(weights, 1.0, "cpu")(picture) == []


def test_files_that_are_none_are_refused_in_a_line(tmp_path: Path) -> None:
    state = deepdanbooru_state(TAGS)
    less = {name: value for name, value in state.items() if name != "n_Conv_5.bias"}
    other = state | {"n_Conv_5.weight": torch.zeros(3, 3, 1, 1)}
    for content, told in (
        (less, r"is no DeepDanbooru, by its tensors \(n_Conv_5.bias\)"),
        (other, "other shapes"),
        ({k: v for k, v in state.items() if k != "tags"}, r"is no DeepDanbooru, by its tensors \(tags\)"),
        (state | {"tags": ["a"]}, "another number of tags than of outputs"),
    ):
        torch.save(content, tmp_path / "a.pt")
        with pytest.raises(WeightsError, match=told) as error:
            open_deepdanbooru(tmp_path / "a.pt", 0.5, "cpu")
        assert "\n" not in str(error.value)


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    torch.save({"tags": Evil(mark)}, tmp_path / "a.pt", pickle_module=pickle)
    with pytest.raises(WeightsError):
        open_deepdanbooru(tmp_path / "a.pt", 0.5, "cpu")
    assert not mark.exists()


def test_a_folder_without_the_file_is_told_which_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"must hold model-resnet_custom_v3\.pt, got 0"):
        open_deepdanbooru(tmp_path, 0.5, "cpu")
