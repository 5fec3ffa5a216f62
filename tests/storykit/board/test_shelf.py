import re

import pytest
from fakes import make_run
from made_run import Plan, write_made_up_comparison, write_made_up_scores
from made_run import make_run as made_run
from served_board import board_client

from kit.experiment.run import PAGE, Run


@pytest.fixture
def folder(tmp_path):
    run = made_run(tmp_path / "rain", Plan())
    write_made_up_scores(run)
    write_made_up_comparison(run, ["b"], 8)
    return tmp_path


def test_a_card_says_what_a_run_is_how_far_and_what_came_out(folder) -> None:
    run = Run(folder / "rain" / "run")
    page = board_client(folder).get("/").text
    words = " ".join(re.sub("<[^>]+>", " ", page).split())
    wanted = len(list(run.wanted()))
    assert f"{len(run.rows())} of {wanted} panels are drawn" in words
    assert run.loaded.stories[0].story.title in words
    assert "is ahead of" in words
    assert re.search(r'src="/picture\?run=rain%2Frun&amp;sha256=[0-9a-f]{64}', page)


def test_a_new_run_appears_and_nothing_is_sent_while_nothing_changed(folder) -> None:
    client = board_client(folder)
    seen = re.search(r"seen=(\w+)", client.get("/").text).group(1)
    assert client.get("/shelf", params={"seen": seen}).status_code == 204
    make_run(folder / "snow")
    answer = client.get("/shelf", params={"seen": seen})
    assert answer.status_code == 200
    assert "<code>snow/run</code>" in answer.text


def test_a_damaged_run_says_why_and_the_others_are_there(folder) -> None:
    made_run(folder / "torn", Plan(candidates=("base",), seeds=(0,)))
    (folder / "torn" / "run" / "experiment.toml").write_text("base = [")
    page = board_client(folder).get("/").text
    assert 'class="told"' in page
    assert "<code>rain/run</code>" in page


def test_an_empty_folder_says_how_to_begin(tmp_path) -> None:
    assert "storykit demo" in board_client(tmp_path).get("/").text
    assert "storykit demo" in board_client(tmp_path, "zh").get("/").text


def test_the_report_is_shown_without_the_rights_of_the_board(folder) -> None:
    (folder / "rain" / "run" / PAGE).write_text("<script>parent.x = 1</script><p>rain</p>")
    answer = board_client(folder).get("/report?run=rain/run")
    policy = answer.headers["content-security-policy"]
    assert "<p>rain</p>" in answer.text
    assert policy.startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in policy
    assert "script-src 'sha256-" in policy


@pytest.mark.parametrize("name", ["../rain", "nowhere", "rain/panels", "%2e%2e", "."])
def test_an_unknown_run_is_refused_in_a_sentence(folder, name) -> None:
    answer = board_client(folder).get("/report", params={"run": name})
    assert answer.status_code == 400
    assert 'class="told"' in answer.text
