import pytest
from fakes import fake_picture
from PIL import Image


@pytest.fixture
def pictures(tmp_path):
    """Return a folder of six pictures: a twin, a grey and a silent one, a torn one, and two of use."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a", "b"):
        fake_picture(name, 64).save(folder / f"{name}.png")
    fake_picture("a", 32).save(folder / "a-small.png")
    fake_picture("c", 64).save(folder / "silent.png")
    Image.new("RGB", (64, 64), "grey").save(folder / "grey.png")
    (folder / "torn.png").write_bytes((folder / "a.png").read_bytes()[:80])
    for name, text in {"a": "小猫，在公园", "b": "a dog", "a-small": "x", "grey": "x", "torn": "x"}.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder
