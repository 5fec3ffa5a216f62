import re
import tomllib
from html import unescape
from pathlib import Path

import pytest
import tomli_w
from foreign_words import foreign_words
from made_run import Plan, make_run, page_of, words_of, write_made_up_comparison, write_made_up_scores

from eval.metrics.registry import METRICS
from kit.experiment.run import Run


def test_a_chinese_page_speaks_chinese_but_for_names_and_code(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(orders=("authored", "scene-first", "shuffle-3")))
    write_made_up_scores(run, {("ink", 1, 4): "wrong-size"})
    told = run.read_json("scores.json")
    for fault in told["faults"]:
        fault["reason"] = "must be 64 x 64 pixels, got 32 x 64"
    for metric in told["metrics"]:
        metric["stamp"]["weights"] = "embedded: knows only the drawn world"
        metric["source"] = METRICS[metric["name"]].source
    run.write_json("scores.json", told)
    write_made_up_comparison(run, ["a", "b", "tied", "none"], 6)
    told = run.read_json("comparison.json")
    step = {"kind": "interaction", "step": ["scene-first", "authored"], "verdict": "a"}
    order = {"kind": "order", "a": "scene-first", "b": "authored", "verdict": "none"}
    told["comparisons"] += [told["comparisons"][0] | order, told["comparisons"][0] | step]
    run.write_json("comparison.json", told)
    out = {"candidate": "ink", "leader": "base", "seeds": 4, "behind": 0.1, "chance": 0.0071}
    run.write_json("race.json", {"metric": "mrr", "seeds": 12, "risk": 0.05, "left": ["base"], "out": [out]})
    page = page_of(run)
    assert foreign_words(page, "ink.safetensors", "base", "run") == []
    assert "应为 64 × 64 像素，实际是 32 × 64" in page
    assert "自带：只认得绘制世界" in page


@pytest.fixture(scope="module")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of two candidates with six seeds, scored and compared."""
    run = make_run(tmp_path_factory.mktemp("full"), Plan(seeds=(0, 1, 2, 3, 4, 5)))
    write_made_up_scores(run)
    write_made_up_comparison(run, ["a", "a", "tied", "tied"], 6)
    return page_of(run)


def test_what_mrr_and_p_are_stands_beside_them_in_a_line(full_page: str) -> None:
    text = words_of(full_page)
    assert "MRR（平均倒数名次）：" in text
    assert "p 是：" in text


def test_commands_name_the_run_from_where_the_reader_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "my runs", Plan())
    monkeypatch.chdir(tmp_path)
    assert "storykit score 'my runs/run'" in unescape(page_of(run))
    assert "storykit run 'my runs/run'/experiment.toml --out 'my runs/run-again'" in unescape(page_of(run))
    monkeypatch.chdir(run.folder)
    assert "storykit score ." in page_of(run)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    text = words_of(page_of(run))
    assert "storykit score run 请在放着“run”的那个文件夹里运行" in text


def test_each_candidate_has_a_tab_that_needs_no_script_and_the_first_lora_is_open(full_page: str) -> None:
    groups = re.findall(r'<input type="radio" name="([\w-]+)" id="([\w-]+)"( checked)?>', full_page)
    labels = dict(re.findall(r'<label for="([\w-]+)">([^<]*)</label>', full_page))
    sheets = [(at, bool(first)) for name, at, first in groups if name == "sheets-1"]
    assert [(labels[at], first) for at, first in sheets] == [("base", False), ("ink", True)]
    assert {name for name, _, first in groups if first} == {name for name, _, _ in groups}


def test_a_panel_whose_cast_stands_alone_is_not_told_to_have_other_figures(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(candidates=("base",), seeds=(0,)))
    write_made_up_scores(run)
    table = run.folder / "scores.panels.csv"
    lines = table.read_text("utf-8").splitlines()
    lines = [
        f"{line},identity" if k == 0 else f"{line},{0.2 if ',6,' in line else 0.8}"
        for k, line in enumerate(lines)
    ]
    table.write_text("\n".join(lines) + "\n", "utf-8")
    said = "它画的角色与文字或其他格对不上"
    assert said in page_of(run)
    told = tomllib.loads((run.folder / "stories" / "cat.toml").read_text("utf-8"))
    for number, panel in enumerate(told["panel"], 1):
        who = "小猫" if number == 6 else "女孩"
        panel["clauses"] = [{"role": "subject", "text": who}]
        del panel["prompt"]
    (run.folder / "stories" / "cat.toml").write_text(tomli_w.dumps(told), "utf-8")
    assert said not in page_of(Run.open(run.folder))


def test_a_control_never_wins_the_race_on_the_page_and_a_loser_says_how_far_it_came(tmp_path: Path) -> None:
    run = make_run(tmp_path, Plan(language="en"))
    write_made_up_scores(run)
    out = {"candidate": "wash", "leader": "ink", "seeds": 4, "behind": 0.1, "chance": 0.01}
    told = {"metric": "text_mean", "seeds": 12, "risk": 0.05, "left": ["ink", "base"], "controls": ["base"]}
    run.write_json("race.json", told | {"out": [out | {"mean": 0.31, "panels": 32}]})
    write_made_up_comparison(run, [], 4)
    text = words_of(page_of(run))
    assert "ink won the race" in text
    assert "base won" not in text
    assert "base: drawn for comparison, outside the race." in text
    assert "Its own mean was 0.310, over 32 panels." in text
