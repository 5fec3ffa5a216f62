import numpy as np
from fakes import fake_picture
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kit.images.near_duplicates import NEAR, near_duplicates, perceptual_hash


def differing(one: Image.Image, other: Image.Image) -> int:
    return int((perceptual_hash(one) != perceptual_hash(other)).sum())


def test_a_smaller_or_compressed_or_brighter_copy_is_near(tmp_path):
    large = fake_picture("a", 256).resize((300, 200), Image.Resampling.BICUBIC)
    path = tmp_path / "a.jpg"
    large.save(path, quality=40)
    assert differing(large, large.resize((150, 100), Image.Resampling.LANCZOS)) <= NEAR
    assert differing(large, Image.open(path)) <= NEAR
    assert differing(large, large.point(lambda value: value * 0.9)) <= NEAR


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_two_other_pictures_are_not_near(one, other):
    near = differing(fake_picture(f"a{one}", 64), fake_picture(f"a{other}", 64)) <= NEAR
    assert near == (one == other)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), min_size=1, max_size=9))
def test_of_near_duplicates_the_largest_stays_and_of_equal_ones_the_first(pictures):
    kinds = [np.arange(256) // 64 == kind for kind, _ in pictures]
    found = near_duplicates(kinds, [area for _, area in pictures])
    for kind in {kind for kind, _ in pictures}:
        group = [n for n, picture in enumerate(pictures) if picture[0] == kind]
        best = max(group, key=lambda n: (pictures[n][1], -n))
        assert {n: found.get(n) for n in group} == {n: None if n == best else best for n in group}


def test_hashes_are_counted_bit_by_bit_as_they_stand():
    rng = np.random.default_rng(0)
    hashes = list(rng.random((40, 256)) < 0.5)
    for bits, number in ((NEAR, 40), (NEAR + 1, 41)):
        other = hashes[7].copy()
        other[rng.choice(256, bits, replace=False)] ^= True
        hashes.append(other)
        assert (number in near_duplicates(hashes, [1] * len(hashes))) == (bits <= NEAR)
    assert near_duplicates([], []) == {}
