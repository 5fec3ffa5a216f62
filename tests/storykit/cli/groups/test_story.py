"""storykit story: what people have becomes a story that storykit draws."""

from pathlib import Path

from command import refused, said

from kit.story.story import load_story

LINES = "".join(f"小猫，在睡觉{number}\n" for number in range(8))


def test_eight_lines_become_a_story(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text(LINES, encoding="utf-8")
    out = tmp_path / "story.toml"
    assert f"wrote {out}" in said("story", "import", tmp_path / "lines.txt", "--out", out)
    assert load_story(out).story.panels[7].prompt == "小猫，在睡觉7"


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text(LINES, encoding="utf-8")
    out = tmp_path / "story.toml"
    out.write_text("mine", encoding="utf-8")
    assert "is there already" in refused("story", "import", tmp_path / "lines.txt", "--out", out)
    assert out.read_text(encoding="utf-8") == "mine"
