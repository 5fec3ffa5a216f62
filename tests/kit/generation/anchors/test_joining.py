from dataclasses import replace
from pathlib import Path

from kit.experiment.controls.control_record import ControlRecord
from kit.experiment.run import Anchor
from kit.files.encodings import sha256_bytes
from kit.generation.anchors.joining import join_anchors
from kit.generation.anchors.shared_attention import AnchoredRow
from kit.generation.controls.control import Control
from kit.generation.painter import PanelRequest, Variation

GIRL = Anchor(prompt="小女孩，站着", seed=1, subject="小女孩")
CAT = Anchor(prompt="小猫，坐着", seed=1, subject="小猫")


def panel(prompt: str, *anchors: Anchor, seed: int = 1) -> PanelRequest:
    kept = 0.7 if anchors else 0.0
    return PanelRequest(prompt=prompt, negative="", seed=seed, anchors=anchors, consistency=kept)


def test_an_anchor_that_is_a_panel_of_the_batch_is_read_from_its_row():
    joined = join_anchors([panel("小女孩，站着"), panel("小女孩，跑", GIRL)])
    assert joined == ([], [AnchoredRow(1, (0,), 0.7)], {0: ("小女孩",)}, {})


def test_an_anchor_of_another_batch_is_drawn_beside_it_once():
    joined = join_anchors([panel("小女孩，跑", GIRL), panel("小女孩和小猫", GIRL, CAT)])
    assert joined.beside == [panel(GIRL.prompt), panel(CAT.prompt)]
    assert joined.readers == [AnchoredRow(0, (2,), 0.7), AnchoredRow(1, (2, 3), 0.7)]
    assert joined.watched == {2: ("小女孩",), 3: ("小猫",)}


def test_a_reader_is_watched_for_its_heroes_and_its_bystanders():
    reader = replace(panel("小女孩和小狗", GIRL), bystanders=("小狗",))
    assert join_anchors([reader, panel("小女孩，站着")]).watched == {1: ("小女孩",), 0: ("小女孩", "小狗")}


def test_a_panel_that_reads_others_or_has_another_seed_is_no_anchors_row():
    joined = join_anchors(
        [panel("小女孩，站着", CAT), panel("小女孩，站着", seed=2), panel("小女孩，跑", GIRL)]
    )
    assert joined.beside == [panel(CAT.prompt), panel(GIRL.prompt)]
    assert joined.readers == [AnchoredRow(0, (3,), 0.7), AnchoredRow(2, (4,), 0.7)]


def test_a_panel_with_varied_noise_is_no_anchors_row_and_anchors_keep_their_own_noise():
    varied = Variation(seed=9, strength=0.3)
    hero, reader = (
        replace(one, variation=varied) for one in (panel("小女孩，站着"), panel("小女孩，跑", GIRL))
    )
    assert join_anchors([hero, reader]).beside == [panel(GIRL.prompt)]


def test_a_panel_that_is_held_to_a_map_is_no_anchors_row():
    record = ControlRecord(kind="map", map="0" * 64, weight=1.0, until=1.0, controlnet="1" * 64)
    hero = replace(panel("小女孩，站着"), control=(Control(record=record, png=b"", folder=Path()),))
    assert join_anchors([hero, panel("小女孩，跑", GIRL)]).beside == [panel(GIRL.prompt)]


def test_one_picture_read_for_two_characters_is_a_row_for_each():
    both = [Anchor(prompt="小女孩和小猫", seed=1, subject=subject) for subject in ("小女孩", "小猫")]
    joined = join_anchors([panel("小女孩和小猫"), panel("她们在跑", *both)])
    assert joined.beside == [panel("小女孩和小猫")], "the first is read from the row of its panel"
    assert joined.readers == [AnchoredRow(1, (0, 2), 0.7)]


def test_where_nobody_reads_nothing_is_drawn_beside():
    assert join_anchors([panel("小女孩，站着"), panel("小猫，坐着")]) == ([], [], {}, {})


def test_an_anchor_that_is_a_picture_has_a_row_of_its_own_which_all_share():
    png = b"a picture"
    shown = Anchor(prompt="小女孩，站着", seed=1, subject="小女孩", picture=sha256_bytes(png))
    readers = [replace(panel(f"小女孩，{done}", shown), anchor_pictures=(png,)) for done in ("跑", "坐着")]
    joined = join_anchors([panel("小女孩，站着"), *readers])
    assert joined.beside == [panel("小女孩，站着")], "a panel of the same words is another picture"
    assert joined.readers == [AnchoredRow(1, (3,), 0.7), AnchoredRow(2, (3,), 0.7)]
    assert joined.pictures == {3: png}
    assert joined.watched == {3: ("小女孩",)}
