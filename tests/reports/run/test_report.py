import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from made_run import Plan, make_run, page_of, words_of, write_made_up_comparison, write_made_up_scores
from voting import booth_of, taste, vote

from kit.errors import RunError
from kit.experiment.run import Run
from reports.run.report import write_report


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with two candidates and six seeds, one panel missing, scored and compared."""
    run = make_run(tmp_path_factory.mktemp("full"), Plan(seeds=(0, 1, 2, 3, 4, 5)))
    run.panel_path("ink", "authored", "cat", 2, 4).unlink()
    write_made_up_scores(run, {("ink", 2, 4): "missing"})
    write_made_up_comparison(run, ["a", "a", "tied", "tied"], 6)
    return run


@pytest.fixture(scope="module")
def full_page(full: Run) -> str:
    return page_of(full)


def test_every_panel_stands_in_the_page_and_a_missing_one_has_a_placeholder(full_page: str) -> None:
    shots = re.findall(r'<button type="button" class="shot"', full_page)
    assert len(shots) == 2 * 6 * 8 - 1
    assert full_page.count('class="absent"') == 1
    assert 'aria-label="第 4 格: 缺图"' in full_page


def test_the_page_needs_nothing_from_outside(full_page: str) -> None:
    links = re.findall(r'(?:src|href|action|srcset|poster)="([^"]*)"', full_page)
    assert links
    assert all(link.startswith(("data:image/", "#")) for link in links)
    assert "@import" not in full_page
    assert "url(http" not in full_page
    assert "default-src 'none'" in full_page


def test_pictures_load_lazily(full_page: str) -> None:
    pictures = re.findall(r"<img [^>]*data:image/[^>]*>", full_page)
    assert pictures
    assert all('loading="lazy"' in picture and " width=" in picture for picture in pictures)


def test_the_page_says_nothing_of_this_machine(full: Run, full_page: str) -> None:
    assert str(full.folder.parent) not in full_page


def test_the_verdict_comes_before_everything_else_in_plain_words(full_page: str) -> None:
    text = words_of(full_page)
    assert "ink 胜过 base" in text
    assert text.index("ink 胜过 base") < text.index("清晨，小猫在窗边醒来。") < text.index("其余 5 个种子")
    assert "更好：美学分" in text
    assert "看不出差别：图文相符、认得出文字" in text
    assert "只对这个故事成立" in text


def test_the_no_lora_baseline_comes_first_whatever_the_experiment_says(full: Run, full_page: str) -> None:
    assert full.loaded.experiment.candidates[0].name == "ink"
    titles = re.findall(r"<h3>(\w+) <small>([^<]*)</small>", full_page)
    assert titles == [("base", "不加 LoRA"), ("ink", "ink.safetensors · 强度 0.8")]


def test_numbers_of_embedded_models_are_said_to_be_stand_ins(full_page: str) -> None:
    text = words_of(full_page)
    assert text.count("不代表 Kolors 的画质") == 2
    assert text.index("自带模型") < text.index("95% t 区间")
    assert "embedded aesthetic head、embedded encoder" in text


def test_a_run_on_kolors_with_real_weights_names_no_stand_in(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(base="kolors"))
    write_made_up_scores(run)
    told = run.read_json("scores.json")
    for metric in told["metrics"]:
        metric["stamp"]["embedded"] = False
    run.write_json("scores.json", told)
    assert "替身" not in words_of(page_of(run))


def test_the_weakest_panel_is_named_with_the_reason(full_page: str) -> None:
    text = words_of(full_page)
    assert "第 6 格 · 下起雨来，它躲到一片大叶子底下。 它脱离了整组画面" in text
    assert "八格之中它只排第 2.5" in text
    assert "6 个种子里有 5 个最弱" in text  # one of ink's six sets has a panel missing


def test_the_faults_are_listed_with_their_reason(full_page: str) -> None:
    assert "ink · 原文顺序 · 种子 2 · 第 4 格：缺图 （why）" in words_of(full_page)


def test_settings_stamps_and_commands_are_there_to_reproduce(full_page: str) -> None:
    text = words_of(full_page)
    for needed in ("ab" * 32, "cd" * 32, "ef" * 32, "enhanced-ddim", "rgb-224", "0, 1, 2, 3, 4, 5"):
        assert needed in text
    assert "storykit run run/experiment.toml --out run-again" in text


def test_text_in_the_run_cannot_become_markup(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    run = make_run(tmp_path, Plan(title=bad))
    write_made_up_scores(run)
    write_made_up_comparison(run, ["a"] * 4, 6)
    told = run.read_json("comparison.json")
    told["comparisons"][0] |= {"a": bad, "reason": bad}
    run.write_json("comparison.json", told)
    run.write_json("run.json", {"base": {bad: bad}})
    page = page_of(run)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert bad in words_of(page)
    assert page.count("<script") == 1


def test_too_few_seeds_are_told_as_no_verdict_with_the_number_needed(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(language="en", title="A Day of the Cat"))
    write_made_up_scores(run)
    write_made_up_comparison(run, ["none"] * 4, 2)
    text = words_of(page_of(run))
    assert "No verdict on ink and base" in text
    assert "There are only 2 seeds; a verdict needs at least 6." in text
    assert "is ahead of" not in text


def test_a_big_family_needs_more_seeds_and_the_page_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(language="en"))
    write_made_up_scores(run)
    write_made_up_comparison(run, ["none"] * 4, 6)
    told = run.read_json("comparison.json")
    told["family"]["sizes"] = {"candidate": 4, "order": 0}
    run.write_json("comparison.json", told)
    text = words_of(page_of(run))
    assert "There are only 6 seeds; a verdict needs at least 8. Declaring fewer metrics" in text


def test_a_pair_that_wins_on_both_sides_is_called_mixed(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(language="en"))
    write_made_up_scores(run)
    write_made_up_comparison(run, ["a", "b", "tied", "none"], 6)
    text = words_of(page_of(run))
    assert "ink and base each lead somewhere" in text
    assert re.search(r"ink · Better: Aesthetic \(\+0\.\d\d\)", text)
    assert re.search(r"base · Better: Consistency \(\+0\.\d\d\d\)", text)
    assert "No verdict: Text recognised (MRR)." in text


def test_before_scoring_the_page_shows_the_pictures_and_says_what_is_missing(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, Plan()))
    assert page.count('class="shot"') == 2 * 2 * 8
    text = words_of(page)
    assert "还没有结论" in text
    assert "storykit score run" in text
    assert "95%" not in text


def test_before_comparing_the_page_shows_the_scores_and_says_what_is_missing(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan())
    write_made_up_scores(run)
    text = words_of(page_of(run))
    assert "还没有结论 候选之间尚未比较" in text
    assert "storykit compare run" in text
    assert "95% t 区间" in text


def test_a_run_without_any_panel_is_refused_in_one_line(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan())
    shutil.rmtree(run.folder / "panels")
    with pytest.raises(
        RunError, match=r"needs at least one panel, got none; draw them with `storykit generate"
    ):
        write_report(run)
    assert not (run.folder / "report.html").exists()


def test_a_damaged_score_file_is_refused_with_its_place(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan())
    write_made_up_scores(run)
    path = run.folder / "scores.panels.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",ok,", ",fine,", 1), encoding="utf-8")
    with pytest.raises(
        RunError, match=r"line 2: status must be ok, .* got 'fine'; run `storykit score .*` again"
    ):
        write_report(run)


def test_a_panel_redrawn_after_the_scoring_is_told(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan())
    write_made_up_scores(run)
    last = run.rows()[-1]
    run.append(replace(last, sha256="0" * 64))
    assert "有 1 格是打分之后才画或改的" in words_of(page_of(run))


def test_a_picture_cut_short_is_shown_as_damaged(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan())
    path = run.panel_path("base", "authored", "cat", 0, 1)
    path.write_bytes(path.read_bytes()[:60])
    assert 'aria-label="第 1 格: 文件损坏"' in page_of(run)


def test_several_stories_and_orders_each_get_their_block(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(stories=("cat", "dog"), orders=("authored", "scene-first"), seeds=(7,)))
    write_made_up_scores(run)
    page = page_of(run)
    assert page.count("data-block>") == 4
    assert "等 2 个故事" in words_of(page)
    assert len(list((run.folder / "figures").glob("similarity-*.svg"))) == 8


def test_figures_are_the_same_bytes_twice_and_hold_ascii_only(full: Run) -> None:
    write_report(full)
    first = {path.name: path.read_bytes() for path in (full.folder / "figures").iterdir()}
    write_report(full)
    assert first == {path.name: path.read_bytes() for path in (full.folder / "figures").iterdir()}
    assert {Path(name).suffix for name in first} == {".svg", ".png"}
    for name, data in first.items():
        if name.endswith(".svg"):
            assert set(re.findall(r"[^\x00-\x7f]", data.decode("utf-8"))) <= {"−"}


def test_the_same_run_gives_the_same_page_twice(full: Run) -> None:
    assert page_of(full) == page_of(full)


def test_large_panels_are_shown_at_full_size_for_one_seed_and_smaller_for_the_others(tmp_path: Path) -> None:
    page = page_of(make_run(tmp_path, Plan(candidates=("base",), size=512)))
    sides = re.findall(r'<img src="data:image/webp[^>]* width="(\d+)"', page)
    assert sides == ["512"] * 8 + ["384"] * 8


def test_who_left_a_race_is_said_with_the_chance_it_had(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(language="en", title="A cat's day"))
    write_made_up_scores(run)
    out = {"candidate": "wash", "leader": "ink", "seeds": 4, "behind": 0.1, "chance": 0.0071}
    told = {"metric": "text_mean", "seeds": 12, "risk": 0.05, "left": ["ink"], "out": [out]}
    run.write_json("race.json", told)
    write_made_up_comparison(run, [], 4)
    text = words_of(page_of(run))
    assert (
        "wash left the race after 4 seeds: its chance of still overtaking ink on Agreement with text" in text
    )
    assert "was 0.71%. By then ink led by 0.100." in text
    assert text.index("ink won the race") < text.index("wash left the race")
    (run.folder / "race.json").write_text("{}")
    with pytest.raises(RunError, match=r"the race file must be readable, .*run `storykit run .*` again"):
        page_of(run)


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Which metrics agree with these eyes"), ("zh", "盲评")]
)
def test_votes_are_told_with_strengths_and_the_metrics_that_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, said: str
) -> None:
    run = make_run(tmp_path, Plan())
    write_made_up_scores(run)
    booth = booth_of(run)
    vote(run, booth, taste({"ink": 3, "base": 0}, booth.ballot), 14)
    monkeypatch.setenv("STORYKIT_LANG", language)
    page = write_report(run).read_text(encoding="utf-8")
    assert said in words_of(page)
    assert page.count('class="strength"') == 2


def test_without_votes_the_page_says_nothing_of_them(full_page: str) -> None:
    assert 'id="votes"' not in full_page
