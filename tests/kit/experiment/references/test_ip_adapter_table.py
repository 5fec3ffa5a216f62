"""The table [ip_adapter]: what it may say, for which bases, and what it has panels read."""

from pathlib import Path

import pytest
from kept_cast import HEAD, written
from PIL import Image

from kit.errors import InputError
from kit.experiment.config import load_experiment
from kit.experiment.references.ip_adapter_table import IpAdapterTable
from tests.support.controlled_run import controlled_experiment

ADAPTER = '[ip_adapter]\nfolder = "adapter"\n'


def experiment(folder: Path, table: str = ADAPTER, picture: str = "girl.png") -> Path:
    (folder / "adapter").mkdir(exist_ok=True)
    Image.effect_noise((256, 256), 60).convert("RGB").save(folder / "girl.png")
    shown = HEAD.replace("一个小女孩", f'一个小女孩"\nreference = "{picture}') if picture else HEAD
    return written(folder, table, head=shown)


def faults(path: Path) -> list[str]:
    with pytest.raises(InputError) as refused:
        load_experiment(path)
    return list(refused.value.faults)


def test_a_table_says_the_adapter_and_how_it_reads(tmp_path):
    [bare, told] = (
        load_experiment(experiment(tmp_path, ADAPTER + more)).experiment.ip_adapter
        for more in ("", 'weight = 0.8\nstart = 0.2\nuntil = 0.9\nblocks = ["mid", "up"]\n')
    )
    assert bare == IpAdapterTable(folder=str(tmp_path / "adapter"))
    assert (bare.weight, bare.start, bare.until, bare.blocks) == (0.5, 0.0, 1.0, ("down", "mid", "up"))
    assert (told.weight, told.start, told.until, told.blocks) == (0.8, 0.2, 0.9, ("mid", "up"))


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("weight = 2.5", "ip_adapter.weight: must be at most 2, got 2.5"),
        ("start = 0.6\nuntil = 0.5", "ip_adapter.until: must be above start, 0.6, got 0.5"),
        ("start = 1.0", "ip_adapter.start: must be less than 1, got 1.0"),
        ('blocks = ["side"]', "ip_adapter.blocks[1]: "),
        ("blocks = []", "ip_adapter.blocks: "),
        ('face = "faces"', "ip_adapter.face: must be a folder or a model that was downloaded, and faces "),
        ('face = "adapter"', "ip_adapter: must name one adapter: folder = "),
        ("weigth = 0.5", "ip_adapter.weigth: "),
    ],
)
def test_what_a_table_cannot_say_is_one_line(tmp_path, lines, fault):
    [told] = faults(experiment(tmp_path, ADAPTER + lines))
    assert told.startswith(fault)


def test_a_window_without_a_step_is_refused(tmp_path):
    [told] = faults(experiment(tmp_path, ADAPTER + "start = 0.5\nuntil = 0.51\n"))
    assert told.startswith("ip_adapter: none of 2 steps lies between start = 0.5 and until = 0.51")
    assert load_experiment(experiment(tmp_path, ADAPTER + "start = 0.4\nuntil = 0.51\n"))


def test_a_table_without_a_picture_to_read_is_refused(tmp_path):
    [told] = faults(experiment(tmp_path, picture=""))
    assert told.startswith(
        "ip_adapter: no story names a picture to read: below a story's [characters.NAME] write"
    )


def test_a_base_of_diffusers_refuses_the_table(tmp_path):
    path = controlled_experiment(tmp_path, ())
    (tmp_path / "adapter").mkdir()
    path.write_text(path.read_text() + ADAPTER)
    told = faults(path)
    assert any(one.startswith("ip_adapter is for Kolors, and ") for one in told)
