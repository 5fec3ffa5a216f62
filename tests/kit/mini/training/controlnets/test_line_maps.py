import numpy as np
import torch
from PIL import Image

from kit.generation.controls.map_making import edges
from kit.mini.training.controlnets.line_maps import line_maps, torn, unpacked
from kit.mini.training.shards import read_shards
from kit.story.control import HIGH, LOW
from kit.world.canvas import SIDE


def test_each_render_has_the_map_that_a_story_makes_of_it_and_another(out):
    maps = line_maps(out / "shards", ["flat", "pixel"], seed=0)
    shards = read_shards(out / "shards", ["flat", "pixel"])
    pictures = [Image.fromarray(one) for shard in shards for one in shard.pictures]
    usual, other = unpacked(maps[:, 0]), unpacked(maps[:, 1])
    for picture, map_ in zip(pictures, usual, strict=True):
        lines = torch.from_numpy(np.asarray(edges(picture, LOW, HIGH)) / 255).permute(2, 0, 1)
        assert torch.equal(map_, lines.float())
    assert not torch.equal(usual, other)
    assert torch.equal(line_maps(out / "shards", ["flat", "pixel"], seed=0), maps)


def test_some_maps_lack_a_box_few_are_empty_and_the_others_are_whole():
    whole = torch.ones(400, 3, SIDE, SIDE)
    maps = torn(whole, torch.Generator().manual_seed(0))
    left = maps.mean((1, 2, 3))
    assert 0.65 < (left == 1).float().mean() < 0.75
    assert 0.02 < (left == 0).float().mean() < 0.09
    ragged = maps[(left > 0) & (left < 1)][:20, 0].bool().logical_not()
    for box in ragged:
        rows, columns = box.any(1), box.any(0)
        assert torch.equal(box, rows[:, None] & columns[None])
