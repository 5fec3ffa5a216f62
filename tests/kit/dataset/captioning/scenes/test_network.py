import torch
from open_clip.modified_resnet import ModifiedResNet
from safetensors.torch import load_file

from kit.dataset.captioning.scenes.network import CELLS, LAYERS, SIDE, WIDTH, SceneReader, normalised
from kit.dataset.captioning.scenes.scene_captioner import open_tower
from kit.embedded import ENCODER


def test_the_tower_sees_what_open_clips_own_network_sees_in_the_encoder() -> None:
    theirs = ModifiedResNet(list(LAYERS), output_dim=128, heads=8, image_size=SIDE, width=WIDTH).eval()
    weights = load_file(ENCODER)
    theirs.load_state_dict(
        {n.removeprefix("visual."): w.float() for n, w in weights.items() if "visual." in n}
    )
    pictures = torch.randn((2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        seen = open_tower(ENCODER).eval()(pictures)
        near = theirs.layer3(theirs.layer2(theirs.layer1(theirs.stem(pictures))))
        torch.testing.assert_close(seen.near, near)
        torch.testing.assert_close(seen.far, theirs.layer4(near))
        answers = SceneReader().eval()(seen)
    assert answers.looks.shape == (2, 2, 4, CELLS * CELLS)


def test_pictures_are_normalised_as_for_clip() -> None:
    white = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    torch.testing.assert_close(
        normalised(white)[0, :, 0, 0],
        torch.tensor([1.93033625, 2.07488384, 2.14589699]),
        rtol=1e-5,
        atol=1e-5,
    )
