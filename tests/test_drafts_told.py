"""Drafts are never taken for finals: what packs, shows and shares them says what they are."""

import re
from pathlib import Path

import pytest
from bundles import faults_told
from command import refused, said, tell
from entries import INTRODUCTION, forge, make_entry, make_scored_run
from fakes import FakePainter
from fakes import make_run as toy_run
from made_run import Plan, make_run, page_of, words_of, write_made_up_scores
from served_board import board_client

import storykit
from kit.errors import BundleError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.experiment.identity import draft_said, is_draft
from kit.experiment.run import MARK, Run
from kit.generation.generate import generate
from kit.messages import speaking
from storykit.sharing import chosen_story, post_words
from submissions.faults import Remedy
from submissions.packing.checklist import checklist
from submissions.packing.entry_plan import EntryPlan
from submissions.packing.pack import pack
from submissions.publish import sound_bundle

HOW = DrawSettings(steps=10, cfg=4.0, size=256, noise="portable", sampler="dpm++2m", guidance_until=0.6)
SMALL = DrawSettings(steps=5, cfg=4.0, size=128, noise="portable", noise_size=256, cache_every=2)
NOTE = "Drafts, not finals: DPM++ 2M, 9 steps, guided for 65% of them. They show what is worth drawing;"
ZH_NOTE = "这些是草稿，不是定稿：DPM++ 2M、9 步、前 65% 有引导。"


def as_drafts(run: Run) -> Run:
    """Have a run say that its pictures are drafts."""
    text = run.experiment_path.read_text("utf-8")
    run.experiment_path.write_text(text.replace(MARK, f'{MARK}quality = "draft"\n', 1), encoding="utf-8")
    return Run.open(run.folder)


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of drafts whose story is in English, scored."""
    run = make_run(tmp_path_factory.mktemp("en"), Plan(language="en", title="A cat's day"))
    write_made_up_scores(run)
    return as_drafts(run)


@pytest.fixture
def drafts(tmp_path: Path) -> Run:
    """A run of drafts that nothing speaks against but that."""
    return as_drafts(make_scored_run(tmp_path / "work"))


def told(run: Run) -> str:
    return (
        "panels: are drafts, which are not drawn as the contest draws (`storykit finish "
        f"{run.folder}` draws what was chosen as finals; pack those)"
    )


@pytest.mark.parametrize(
    ("how", "english", "chinese"),
    [
        (HOW, "DPM++ 2M, 10 steps, guided for 60% of them", "DPM++ 2M、10 步、前 60% 有引导"),
        (
            SMALL,
            "DDIM, 5 steps, 128 px, inner blocks in every 2. step",
            "DDIM、5 步、128 像素、内层每 2 步算一次",
        ),
    ],
)
def test_how_drafts_are_drawn_is_told_in_both_languages(
    how: DrawSettings, english: str, chinese: str
) -> None:
    for language, said_so in (("en", english), ("zh", chinese)):
        with speaking(language):
            assert str(draft_said(how)) == said_so


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, False),
        ({"quality": "draft"}, True),
        ({"sampler": "dpm++2m"}, True),
        ({"guidance_until": 0.5}, True),
        ({"noise_size": 64}, True),
    ],
)
def test_what_was_drawn_tells_drafts_even_where_the_experiment_says_final(
    tmp_path: Path, settings: dict[str, object], found: bool
) -> None:
    run = toy_run(tmp_path)
    generate(run, [FakePainter()])
    identity = run.read_json("run.json")
    run.write_json("run.json", identity | {"settings": identity["settings"] | settings})
    assert is_draft(Run.open(run.folder)) is found


def test_a_draft_is_not_packed_whatever_else_is_missing(drafts: Run, tmp_path: Path) -> None:
    reason = f"the entry cannot be packed, 1 fault: {told(drafts)}"
    assert refused("pack", drafts.folder) == reason
    words = ("--candidate", "ink", "--team", "a", "--title", "b", "--out", tmp_path / "entry.zip")
    assert refused("pack", drafts.folder, *words) == reason
    opened = storykit.open_run(drafts.folder)
    with pytest.raises(BundleError) as refusal:
        storykit.pack(
            opened, tmp_path / "e.zip", candidate="ink", team="a", title="b", introduction=INTRODUCTION
        )
    assert str(refusal.value) == reason
    assert not list(tmp_path.glob("*.zip"))


def test_the_checklist_of_drafts_is_the_one_thing_to_do(drafts: Run) -> None:
    answer = tell("pack", drafts.folder, "--check", "--candidate", "ink")
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.splitlines()[0] == f"missing {told(drafts)}"
    [tick] = checklist(drafts, EntryPlan(candidate="ink"))
    assert tick.remedy == Remedy("finish", candidate="ink")


def test_the_board_draws_finals_of_drafts_and_packs_none(drafts: Run) -> None:
    client, here = board_client(drafts.folder.parent.parent), {"run": "work/run"}
    checks = client.get("/home/checks", params=here).text
    assert "are drafts, which are not drawn as the contest draws" in checks
    assert '"action": "finish"' in checks
    assert "Draw the finals" in checks
    answer = client.post("/home/pack", params=here)
    assert answer.status_code == 409
    assert "storykit finish" in answer.text
    assert "These are drafts: the pictures with a title" in client.get("/home/show", params=here).text


def test_the_board_says_which_runs_are_drafts(english: Run) -> None:
    client = board_client(english.folder.parent)
    assert "· drafts" in words_of(client.get("/").text)
    sheet = words_of(client.get("/sheet", params={"run": "run"}).text)
    assert "Drafts, not finals: DPM++ 2M, 9 steps, guided for 65% of them." in sheet
    recipe = client.get("/sheet/recipe", params={"run": "run", "panel": 1, "seed": 0}).text
    assert "Draft DPM++ 2M, 9 steps" in words_of(recipe)
    large = client.get("/sheet/large", params={"run": "run", "panel": 1, "seed": 0})
    assert (large.status_code, "start=repair" in large.text) == (200, False)
    chinese = words_of(client.get("/sheet", params={"run": "run"}, headers={"accept-language": "zh"}).text)
    assert "草稿" in chinese


def test_the_report_says_that_it_shows_drafts_and_that_it_shows_finals(english: Run, tmp_path: Path) -> None:
    assert NOTE in words_of(page_of(english))
    chinese = make_run(tmp_path / "zh", Plan(seeds=(0,), candidates=("base",)))
    assert "草稿" not in page_of(chinese)
    assert ZH_NOTE in words_of(page_of(as_drafts(chinese)))


def test_the_report_of_a_set_that_was_put_together_says_of_what(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(language="en", seeds=(9,), candidates=("base",)))
    text = run.experiment_path.read_text("utf-8")
    chosen = f"{MARK}panel_seeds = [[3, 1, 3, 0, 1, 1, 3, 0]]\n"
    run.experiment_path.write_text(text.replace(MARK, chosen, 1), encoding="utf-8")
    page = words_of(page_of(Run.open(run.folder)))
    assert "Seed 9 is a set that was put together: its panels are of the seeds 3 1 3 0 1 1 3 0." in page


def test_what_is_shared_of_drafts_says_so(english: Run, tmp_path: Path) -> None:
    out = said("share", english.folder, "--out", tmp_path, "--slides")
    note = (
        f"note    these are drafts, and the page says so; `storykit finish {english.folder}` draws the finals"
    )
    assert note in out.splitlines()
    for name in ("story.html", "slides.html"):
        page = (tmp_path / name).read_text("utf-8")
        assert "Drafts: the finals will be drawn more finely." in words_of(page)
    chosen = chosen_story(english)
    assert post_words(english, chosen, captions=True)[0].title == "A cat's day (draft)"
    assert post_words(english, chosen, captions=False)[0].title == ""


def test_a_bundle_that_tells_settings_of_drafts_is_refused_and_not_published(tmp_path: Path) -> None:
    bundle = pack(make_scored_run(tmp_path / "work"), make_entry(tmp_path)).path
    forge(bundle, lambda files, manifest: manifest["settings"].update(sampler="dpm++2m"))
    assert re.search(r"manifest\.json, settings: has sampler, ", faults_told(bundle))
    with pytest.raises(BundleError, match=r"cannot be published, .*another sampler than the manifest"):
        sound_bundle(bundle)
