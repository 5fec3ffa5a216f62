from pathlib import Path

from encoder_shards import labels_in

from eval.mini.training.shards import Task, paths_of, read_pictures, render_shards
from kit.world.scene import is_held_out


def test_all_styles_are_rendered_alike_and_no_held_out_scene_is(shards: Path) -> None:
    scenes = labels_in(shards).scenes
    assert [scene.style for scene in scenes[:6]] == [scene.style for scene in scenes[6:]]
    assert len({scene.style for scene in scenes}) == 6
    assert not any(is_held_out(scene) for scene in scenes)


def test_every_picture_has_captions_in_both_languages(shards: Path) -> None:
    for captions in labels_in(shards).captions:
        chinese = [any("\u4e00" <= letter <= "\u9fff" for letter in caption) for caption in captions]
        assert chinese == [True] * 4 + [False] * 4


def test_rendering_again_keeps_what_is_there_and_the_seed_decides(shards: Path, tmp_path: Path) -> None:
    render_shards(Task(folder=tmp_path, index=0, count=12, seed=0, held_out=False), workers=1)
    (path,) = paths_of(tmp_path)
    assert (read_pictures(path) == read_pictures(paths_of(shards)[0])).all()
    before = path.stat().st_mtime_ns
    render_shards(Task(folder=tmp_path, index=0, count=12, seed=0, held_out=False), workers=1)
    assert path.stat().st_mtime_ns == before
