import pytest

from kit.images.file_kinds import kind_of, kind_of_suffix, picture_format, refusal_of


@pytest.mark.parametrize("head", [b"", b"a", b"a cat", b"\0" * 64, b"RIFF\0\0\0\0WAVE"])
def test_what_is_not_known_has_no_name(head):
    assert (kind_of(head), picture_format(head)) == ("", "")


@pytest.mark.parametrize("suffix", [".heic", ".HEIF", ".avif", ".psd", ".Svg", ".cr2", ".zip"])
def test_what_people_have_beside_pictures_is_named_with_a_remedy(suffix):
    assert refusal_of(kind_of_suffix(suffix)).split(": ")[1]
