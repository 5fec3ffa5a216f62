import csv
import json
import re
import shutil
from html import unescape

import pytest
from served_board import board_client
from sheet_run import PLACE, cells_in, run_of_many_seeds, seen_in, sheet_run
from stripes import new_run, put_panel, stripe_scorers, striped

from eval.casting.decisions import change_picks, state_of
from eval.casting.selection import read_picks, read_selections, seeds_cast
from eval.scoring.score import score
from kit.experiment.run import Run, Slot

AT = {"run": "rain/run", "candidate": "base"}


class Sheet:
    """The sheet of a run as a browser uses it: it sends the version that it saw last."""

    def __init__(self, folder, at=None, language="en") -> None:
        self.client, self.at = board_client(folder, language), at or AT
        self.page = self.get()
        self.seen = seen_in(self.page)

    def get(self, path="/sheet", **more):
        answer = self.client.get(path, params={**self.at, **more})
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, what, status=200, **told):
        answer = self.client.post(f"/sheet/{what}", params=self.at, data={**told, "seen": self.seen})
        assert answer.status_code == status, answer.text
        if 'data-seen="' in answer.text:
            self.seen = seen_in(answer.text)
        return answer.text


def said(answer: str) -> str:
    return unescape(re.search(r'id="said"[^>]*>(.*?)</p>', answer).group(1))


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    return sheet_run(tmp_path_factory.mktemp("scored"))


@pytest.fixture
def run(scored, tmp_path):
    shutil.copytree(scored.folder, tmp_path / "rain" / "run")
    return Run(tmp_path / "rain" / "run")


def test_rows_are_panels_with_their_words_and_columns_are_seeds(run, tmp_path):
    page = Sheet(tmp_path).page
    assert set(cells_in(page)) == {(panel, seed) for panel in range(1, 9) for seed in range(3)}
    assert "小女孩，地方3" in page
    assert "Aesthetic" in cells_in(page)[1, 0]
    assert 'lang="zh"' in Sheet(tmp_path, language="zh").page


def test_a_pick_is_in_the_file_at_once_and_what_changed_comes_back(run, tmp_path):
    sheet = Sheet(tmp_path)
    answer = sheet.post("pick", panel=3, seed=1)
    assert said(answer) == "Panel 3: seed 1 is picked."
    assert read_picks(run)[PLACE].kept == {3: 1}
    assert list(cells_in(answer)) == [(3, 1)]
    assert 'aria-selected="true"' in cells_in(answer)[3, 1]
    answer = sheet.post("pick", panel=3, seed=2)
    assert set(cells_in(answer)) == {(3, 1), (3, 2)}
    assert read_picks(run)[PLACE].kept == {3: 2}
    assert said(sheet.post("pick", panel=3, seed=2)) == "Panel 3: seed 2 is no longer picked."
    assert read_picks(run) == {}


def test_a_ban_and_a_pick_undo_each_other_and_all_can_be_undone(run, tmp_path):
    sheet = Sheet(tmp_path)
    sheet.post("pick", panel=3, seed=1)
    sheet.post("ban", panel=3, seed=1)
    assert (dict(read_picks(run)[PLACE].kept), read_picks(run)[PLACE].banned) == ({}, {(3, 1)})
    assert said(sheet.post("ban", panel=3, seed=1)) == "Panel 3: seed 1 is allowed again."
    for left in ({(3, 1)}, set()):
        sheet.post("undo")
        assert state_of(run, PLACE).picks.banned == left
    assert read_picks(run)[PLACE].kept == {3: 1}
    sheet.post("undo")
    assert read_picks(run) == {}
    assert said(sheet.post("undo")) == "There is nothing to undo."


def test_the_rest_is_filled_around_the_picks_and_each_says_what_it_costs(run, tmp_path):
    sheet = Sheet(tmp_path)
    sheet.post("pick", panel=3, seed=0)
    answer = sheet.post("fill")
    (chosen,) = read_selections(run)
    assert chosen.seeds[2] == 0
    assert seeds_cast(run, *PLACE) == chosen.seeds
    assert said(answer) == f"The set is filled: seeds {' '.join(map(str, chosen.seeds))}."
    words = unescape(" ".join(re.sub("<[^>]+>", " ", answer).split()))
    assert re.search(r"Panel 3, seed 0 instead of \d: costs [\d.]+ sd of ", words)
    assert "in the set" in cells_in(answer)[1, chosen.seeds[0]]
    sheet.post("pick", panel=1, seed=(chosen.seeds[0] + 1) % 3)
    assert read_selections(run) == [], "the set contradicts the pick"
    sheet.post("undo")
    assert read_selections(run) == [chosen]
    sheet.post("clear")
    assert read_picks(run) == {}


def test_eight_picks_are_a_set_without_any_score(tmp_path):
    run = new_run(tmp_path / "rain", seeds=2)
    for slot in run.wanted():
        put_panel(run, slot, striped(slot.panel, level=150 + 30 * slot.seed))
    sheet = Sheet(tmp_path)
    for panel in range(1, 9):
        answer = sheet.post("pick", panel=panel, seed=panel % 2)
    assert "all eight are picked: pack takes them" in answer
    assert seeds_cast(run, *PLACE) == (1, 0, 1, 0, 1, 0, 1, 0)


def test_whoever_saw_an_older_sheet_is_told_and_shown_the_present_one(run, tmp_path):
    first, second = Sheet(tmp_path), Sheet(tmp_path)
    first.post("pick", panel=3, seed=1)
    for what, told in (("pick", {"panel": 4, "seed": 1}), ("ban", {"panel": 4, "seed": 1}), ("clear", {})):
        second.seen = "an older one"
        answer = second.post(what, status=409, **told)
        assert "was changed elsewhere since this was shown" in said(answer)
        assert "is-picked" in cells_in(answer)[3, 1]
    assert read_picks(run)[PLACE].kept == {3: 1}
    second.post("pick", panel=4, seed=1)
    assert read_picks(run)[PLACE].kept == {3: 1, 4: 1}
    assert said(first.post("undo", status=200)) == "There is nothing to undo.", (
        "the last change is not its own"
    )


def test_what_was_picked_on_the_command_line_is_on_the_sheet(run, tmp_path):
    sha256 = next(row.sha256 for row in run.rows() if row.slot == (*PLACE, 2, 5))
    change_picks(run, PLACE, lambda picks: picks.keeping(5, 2, sha256).banning(6, 0))
    cells = cells_in(Sheet(tmp_path).page)
    assert "is-picked" in cells[5, 2]
    assert "is-banned" in cells[6, 0]


@pytest.mark.parametrize(
    ("at", "status", "reason"),
    [
        ({"candidate": "nobody"}, 400, "the run has no candidate"),
        ({"order": "../.."}, 400, "the run has no order"),
        ({"story": "<script>"}, 400, "the run has no story"),
        ({"page": "0"}, 422, "page"),
        ({"of": "9", "by": "panel.aesthetic"}, 422, "of"),
        ({"least": "nan", "by": "panel.aesthetic"}, 422, "least"),
        ({"run": "../rain"}, 400, "is no path below the folder"),
    ],
)
def test_an_address_that_asks_for_what_is_not_there_says_so(run, tmp_path, at, status, reason):
    answer = board_client(tmp_path).get("/sheet", params={**AT, **at})
    assert answer.status_code == status
    assert reason in unescape(answer.text)
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"panel": 0, "seed": 0}, 422),
        ({"panel": 9, "seed": 0}, 422),
        ({"panel": 1, "seed": -1}, 422),
        ({"panel": 1, "seed": "x"}, 422),
        ({"panel": 1}, 422),
        ({"panel": 1, "seed": 99}, 400),
        ({"panel": 1, "seed": 2**70}, 400),
    ],
)
def test_nothing_is_written_for_a_panel_or_seed_that_is_none(run, tmp_path, told, status):
    sheet = Sheet(tmp_path)
    for what in ("pick", "ban"):
        sheet.post(what, status=status, **told)
    assert not (run.folder / "selection.json").exists()


def test_a_picture_that_is_not_drawn_is_marked_and_cannot_be_picked(run, tmp_path):
    lines = [json.loads(line) for line in run.rows_path.read_text().splitlines()]
    left = [line for line in lines if (line["candidate"], line["seed"], line["panel"]) != ("base", 1, 3)]
    run.rows_path.write_text("".join(json.dumps(line) + "\n" for line in left))
    run.note_faults({f"panels/{'/'.join(PLACE)}/seed-1/3.png": "the GPU has no memory left"})
    sheet = Sheet(tmp_path)
    assert "the GPU has no memory left" in cells_in(sheet.page)[3, 1]
    assert "is not drawn yet, so it cannot be picked" in unescape(
        sheet.post("pick", status=400, panel=3, seed=1)
    )


def test_words_and_names_of_a_run_are_text(run, tmp_path):
    evil = "<img src=x onerror=alert(1)>\"'<script>alert(2)</script>"
    story = run.folder / "stories" / "story.toml"
    story.write_text(story.read_text("utf-8").replace('title = "t"', f"title = {json.dumps(evil)}"), "utf-8")
    page = Sheet(tmp_path).page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror" in page


def test_seeds_are_sorted_and_left_out_by_any_score(run, tmp_path):
    sheet = Sheet(tmp_path)

    def seeds(**more):
        return list(dict.fromkeys(seed for _, seed in cells_in(sheet.get(**more))))

    assert seeds() == [0, 1, 2]
    assert seeds(by="panel.aesthetic") == [2, 1, 0], "the last is the brightest"
    assert seeds(by="panel.aesthetic", of=3) == [2, 1, 0]
    assert seeds(by="set.aesthetic_mean") == [2, 1, 0]
    numbers = {
        row["seed"]: float(row["aesthetic_mean"]) for row in _stories(run) if row["candidate"] == "base"
    }
    assert seeds(by="set.aesthetic_mean", least=numbers["1"]) == [2, 1]
    assert "No seed reaches that." in sheet.get(by="set.aesthetic_mean", least=99)
    assert "Aesthetic" not in "".join(cells_in(sheet.get(show="none")).values())
    assert "Agreement" not in "".join(cells_in(sheet.get(show="aesthetic")).values())


def _stories(run):
    with (run.folder / "scores.stories.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_damaged_scores_are_told_and_the_pictures_are_there(run, tmp_path):
    (run.folder / "scores.panels.csv").write_text("no table")
    sheet = Sheet(tmp_path)
    assert "scores.panels.csv" in sheet.page
    assert len(cells_in(sheet.page)) == 24
    sheet.post("pick", panel=1, seed=1)


def test_a_picture_is_shown_large_over_the_one_that_is_picked(run, tmp_path):
    sheet = Sheet(tmp_path)
    sheet.post("pick", panel=3, seed=2)
    view = sheet.get("/sheet/large", panel=3, seed=0)
    assert "left: seed 0" in view
    assert "start=repair" in view
    assert "right: seed 2" in view
    assert "right: seed 1" in sheet.get("/sheet/large", panel=3, seed=0, beside=1)
    assert "right: seed 0" in sheet.get("/sheet/large", panel=3, seed=2, beside=2)
    recipe = unescape(sheet.get("/sheet/recipe", panel=3, seed=1))
    row = next(row for row in run.rows() if row.slot == (*PLACE, 1, 3))
    for value in (row.prompt, row.key, row.file, "32 x 32"):
        assert f'data-copy="{value}"' in recipe
    for path in ("/sheet/large", "/sheet/recipe"):
        assert sheet.client.get(path, params={**AT, "panel": 3, "seed": 99}).status_code == 404
        assert sheet.client.get(path, params={**AT, "panel": 9, "seed": 0}).status_code == 422


def test_copies_are_marked_once_they_are_known(run, tmp_path):
    twin = run.panel_path(*PLACE, 0, 1).read_bytes()
    put_panel(run, Slot(*PLACE, 1, 2), twin)
    score(run, stripe_scorers())
    sheet = Sheet(tmp_path)
    sheet.post("fill")
    assert "the same picture as panel 1, seed 0" in unescape(cells_in(sheet.get())[2, 1])


def test_a_run_of_ten_thousand_seeds_is_looked_through_and_picked_from(tmp_path):
    run = run_of_many_seeds(tmp_path / "rain", 10_000)
    sheet = Sheet(tmp_path)
    assert len(cells_in(sheet.page)) == 8 * 24
    assert "page 1 of 417, 10,000 seeds" in sheet.page
    last = sheet.get(page=417)
    assert max(seed for _, seed in cells_in(last)) == 9999
    assert "page 417 of 417" in sheet.get(page=999_999)
    sheet.post("pick", panel=3, seed=9999)
    assert read_picks(run)[PLACE].kept == {3: 9999}
    refused = unescape(sheet.post("fill", status=400))
    assert "from 2,400 pictures at most, 300 seeds of 8 panels" in refused
