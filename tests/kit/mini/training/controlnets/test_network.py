import torch

from kit.generation.pipelines.parts import read_controlnet
from kit.mini.training.controlnets.network import save_controlnet, untrained_controlnet
from kit.models.base import load_base
from kit.models.bases.controlnet_files import open_controlnet

MOST_BYTES = 3_000_000
"""What the package has room for."""


def test_a_controlnet_begins_with_what_it_shares_with_the_unet_and_says_nothing():
    base = load_base("mini")
    net, unet = untrained_controlnet(base, 0), base.unet()
    first = net.down_blocks[0].resnets[0].conv1.weight
    assert torch.equal(first, unet.blocks[0].conv1.weight)
    told = {"text_embeds": torch.zeros(1, 192), "time_ids": torch.zeros(6)}
    with torch.inference_mode():
        skipped, middle = net(
            torch.ones(1, 4, 32, 32), torch.tensor([500.0]), torch.zeros(1, 256, 192),
            torch.ones(1, 3, 256, 256), added_cond_kwargs=told, return_dict=False,
        )  # fmt: skip
        lines = net.controlnet_cond_embedding(torch.ones(1, 3, 256, 256))
    assert all((state == 0).all() for state in (*skipped, middle))
    assert lines.abs().mean() > 0.1


def test_what_is_saved_is_read_as_any_controlnet_is_and_is_small(tmp_path):
    net = untrained_controlnet(load_base("mini"), 0)
    save_controlnet(tmp_path, net)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < MOST_BYTES
    found = read_controlnet(open_controlnet(tmp_path).network, "cpu", torch.float32)
    for name, value in net.state_dict().items():
        apart = (found.state_dict()[name] - value).norm()
        assert apart <= 0.05 * value.norm(), name
