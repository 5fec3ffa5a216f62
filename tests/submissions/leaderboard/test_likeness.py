import io

import numpy as np
import pytest
from course_entries import rank_all, retell, rows_of, scored_entry, unit_rows
from entries import forge
from mosaics import mosaics_of
from PIL import Image

from kit.files.encodings import sha256_bytes
from kit.images.png_metadata import PARAMETERS, RECIPE, encoded
from submissions.leaderboard.likeness import duplicate_panels, shared_loras
from submissions.leaderboard.page import board_html
from submissions.leaderboard.table import notes_of, sentences


def test_panels_that_two_entries_share_are_found(hand_in):
    first = hand_in(1, pictures=range(8))
    second = hand_in(2, pictures=[*range(50, 57), 2])
    board = rank_all([first, second, hand_in(3)])
    (one,) = board.likenesses
    assert (one.first.file, one.second.file) == ("001.zip", "002.zip")
    assert [tuple(pair) for pair in one.pairs] == [(3, 8, 1.0, True)]
    assert any(
        note.startswith("panels like those of 002.zip;")
        for note in notes_of(board, sentences("en"))["001.zip"]
    )
    assert "3 = 8" in board_html(board)


def test_nearly_equal_panels_are_found_by_their_cosine_whichever_entry_they_are_in():
    rng = np.random.default_rng(0)
    rows = unit_rows(rng.normal(size=(3, 8, 48)).reshape(24, 48)).reshape(3, 8, 48)
    rows[2, 4] = unit_rows(rows[0, 1][None] + 0.01 * rng.normal(size=(1, 48)))[0]
    rows[1, 7] = rows[1, 0]
    entries = [scored_entry(name, embeddings=own) for name, own in zip("abc", rows, strict=True)]
    found = duplicate_panels(entries, 0.95)
    assert [(one.first.team, one.second.team, one.pairs[0][:2]) for one in found] == [
        ("b", "b", (1, 8)),
        ("a", "c", (2, 5)),
    ]
    expected = float(rows[0, 1] @ rows[2, 4])
    assert found[1].pairs[0].likeness == pytest.approx(expected, abs=1e-4)
    assert not found[1].pairs[0].same_pixels


def disguise(files: dict[str, bytes], told: dict) -> None:
    """Make another entry of a bundle: other names, its panels mirrored and their channels exchanged."""
    told |= {"team": "别的队", "name": told["name"].replace(told["team"], "别的队")}
    for panel in told["panels"]:
        with Image.open(io.BytesIO(files[panel["file"]])) as old:
            pixels, texts = (
                np.asarray(old)[:, ::-1, ::-1],
                {name: old.info[name] for name in (RECIPE, PARAMETERS)},
            )
        files[panel["file"]] = encoded(Image.fromarray(pixels), texts)
        found = sha256_bytes(files[panel["file"]])
        files["scores.csv"] = files["scores.csv"].replace(panel["sha256"].encode(), found.encode())
        panel["sha256"] = found
    files |= mosaics_of(files)
    retell(files, told)


def test_a_disguised_copy_is_shown_beside_its_original_and_neither_is_put_out(hand_in):
    first, other = hand_in(1, pictures=range(8)), hand_in(2, pictures=range(8))
    board = rank_all([first, forge(other, disguise), hand_in(3)])
    (one,) = board.likenesses
    assert len(one.pairs) == 8
    assert not any(pair.same_pixels for pair in one.pairs)
    assert len(board.standings) == 3
    told = [row["notes"] for row in rows_of(board)]
    assert sum("which is the original, the organiser decides" in notes for notes in told) == 2
    assert "由主办方判断" in board_html(board)


def test_entries_whose_loras_do_the_same_are_grouped_and_those_without_any_are_not():
    x, y = unit_rows(np.eye(2, 50))
    entries = [
        scored_entry(name, lora_print=one) for name, one in zip("abcde", (x, y, x, None, None), strict=True)
    ]
    assert [[one.team for one in group] for group in shared_loras(entries)] == [["a", "c"]]


def test_a_field_of_copies_of_one_entry_names_them_all():
    rows = unit_rows(np.random.default_rng(0).normal(size=(8, 48)))
    entries = [scored_entry(f"t{n}", embeddings=rows, pixels=tuple("abcdefgh")) for n in range(40)]
    found = duplicate_panels(entries, 0.95)
    assert len(found) == 40 * 39 / 2
    assert all(len(one.pairs) == 8 for one in found)
