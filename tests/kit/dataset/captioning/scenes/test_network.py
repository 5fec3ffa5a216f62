import torch
from open_clip.modified_resnet import ModifiedResNet
from paths import ROOT
from safetensors.torch import load_file

from kit.dataset.captioning.scenes.network import CELLS, LAYERS, SIDE, WIDTH, SceneNetwork, normalised
from kit.mini.training.captioner.learning import begin_with

ENCODER = ROOT / "eval" / "mini" / "weights" / "clip" / "open_clip_model.safetensors"


def test_it_begins_by_seeing_what_the_encoder_sees_in_open_clips_own_network() -> None:
    theirs = ModifiedResNet([*LAYERS, 2], output_dim=128, heads=8, image_size=SIDE, width=WIDTH).eval()
    weights = load_file(ENCODER)
    theirs.load_state_dict(
        {n.removeprefix("visual."): w.float() for n, w in weights.items() if "visual." in n}
    )
    pictures = torch.randn((2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = SceneNetwork().eval()
        begin_with(ours, ENCODER)
        seen = theirs.layer3(theirs.layer2(theirs.layer1(theirs.stem(pictures))))
        torch.testing.assert_close(ours.stages(ours.stem(pictures)), seen)
        torch.testing.assert_close(ours(pictures).figures, ours.answers(seen).figures)
        assert ours(pictures).looks.shape == (2, 2, 4, CELLS * CELLS)


def test_pictures_are_normalised_as_for_clip() -> None:
    white = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    torch.testing.assert_close(
        normalised(white)[0, :, 0, 0],
        torch.tensor([1.93033625, 2.07488384, 2.14589699]),
        rtol=1e-5,
        atol=1e-5,
    )
