import pytest
import torch
from fakes import TOY_PROMPTS, fake_picture, toy_base
from toy_training import SHORT, encoded, pictures

from kit.models.base import load_base
from kit.training.config import TrainConfig
from kit.training.latents import EncodingCache, buckets, encode_dataset, side_for


def test_a_caption_that_repeats_is_encoded_once(tmp_path):
    examples = encoded(tmp_path, [TOY_PROMPTS[0], TOY_PROMPTS[1], TOY_PROMPTS[0]])
    assert examples.cross.shape == (3, 256, 32), "two captions and the empty one"
    assert examples.captions.tolist() == [1, 2, 1]
    assert [tuple(latent.shape) for latent in examples.latents] == [(4, 4, 4)] * 3


def test_what_is_in_the_cache_is_read_back_the_same_and_no_network_is_loaded(tmp_path):
    first = encoded(tmp_path)

    class Empty:
        sha256 = load_base(toy_base()).sha256
        text_files = load_base(toy_base()).text_files

        def precision(self, device):
            return torch.float32

    again = encode_dataset(Empty(), pictures(tmp_path / "pictures", TOY_PROMPTS[:2]), SHORT,
                           EncodingCache(tmp_path / "cache"), "cpu")  # fmt: skip
    assert all(torch.equal(a, b) for a, b in zip(first.latents, again.latents, strict=True))
    assert torch.equal(first.cross, again.cross)
    assert torch.equal(first.pooled, again.pooled)


def test_a_torn_file_in_the_cache_is_made_again(tmp_path):
    first = encoded(tmp_path)
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:40])
    again = encoded(tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(first.latents, again.latents, strict=True))
    assert torch.equal(first.cross, again.cross)


def test_a_picture_painted_over_is_encoded_anew(tmp_path):
    first = encoded(tmp_path)
    dataset = pictures(tmp_path / "pictures", TOY_PROMPTS[:2])
    fake_picture("another", 48).save(dataset[0].path)
    again = encode_dataset(load_base(toy_base()), dataset, SHORT, EncodingCache(tmp_path / "cache"), "cpu")
    assert not torch.equal(first.latents[0], again.latents[0])
    assert torch.equal(first.latents[1], again.latents[1])


@pytest.mark.parametrize("size", [256, 512, 768, 1024])
def test_buckets_have_the_squares_pixels_at_most_and_mirror_each_other(size):
    sides = buckets(size)
    assert (size, size) in sides
    assert sorted(sides) == sorted((side.width, side.height) for side in sides)
    for side in sides:
        assert side.height % 64 == side.width % 64 == 0
        assert 0.7 * size * size < side.height * side.width <= size * size
        assert max(side) <= 2 * min(side)


@pytest.mark.parametrize(
    ("shape", "side"), [((100, 100), (1024, 1024)), ((300, 200), (832, 1216)), ((200, 300), (1216, 832)),
                        ((900, 100), (704, 1408))]
)  # fmt: skip
def test_a_picture_goes_into_the_bucket_nearest_to_its_shape(shape, side):
    config = TrainConfig(size=1024, buckets=True)
    assert side_for(*shape, config) == side
    assert side_for(*shape, TrainConfig(size=1024)) == (1024, 1024)
