"""Stories and experiments on the board: only saving writes, and only over what was seen."""

import os
import re
from html import unescape
from pathlib import Path

import pytest
from served_board import board_client
from starlette.testclient import TestClient
from written_forms import form_of

from kit.experiment.out_folder import MARK
from kit.starter.choices import StarterChoice
from kit.starter.folder import starter_files
from kit.story.story import load_story

FILES = {
    name: data
    for name, data in starter_files(StarterChoice(language="zh")).items()
    if name in ("story.toml", "experiment.toml", "train.toml", "intro.txt")
}
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    served = tmp_path / "mine"
    served.mkdir()
    for name, data in FILES.items():
        (served / name).write_bytes(data)
    return served


@pytest.fixture
def client(folder: Path) -> TestClient:
    return board_client(folder)


def words(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", page).split())


def opened(client: TestClient, file: str) -> dict[str, str | list[str]]:
    return form_of(client.get("/writing/edit", params={"file": file}).text)


def test_the_list_names_stories_and_experiments_and_nothing_else(client: TestClient, folder: Path) -> None:
    (folder / "eight.txt").write_text("\n".join(f"小猫{at}" for at in range(8)), encoding="utf-8")
    (folder / "broken.toml").write_text("[[panel]", encoding="utf-8")
    run = folder / "run"
    (run / "stories").mkdir(parents=True)
    (run / "experiment.toml").write_text(MARK + 'stories = ["stories/x.toml"]', encoding="utf-8")
    (run / "stories" / "x.toml").write_bytes(FILES["story.toml"])
    page = client.get("/writing").text
    assert re.findall(r'/writing/edit\?file=([^"]+)"', page) != []
    assert set(re.findall(r'/writing/edit\?file=([^"]+)"', page)) == {
        *("story.toml", "experiment.toml", "eight.txt", "broken.toml")
    }


@pytest.mark.parametrize("file", ["story.toml", "experiment.toml"])
def test_what_was_opened_and_saved_is_the_same_to_the_byte(
    client: TestClient, folder: Path, file: str
) -> None:
    for data in (FILES[file], FILES[file].replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + FILES[file]):
        (folder / file).write_bytes(data)
        assert client.post("/writing/save", data=opened(client, file)).status_code == 200
        assert (folder / file).read_bytes() == data


def test_looking_and_checking_change_nothing(client: TestClient, folder: Path) -> None:
    before = {name: os.stat(folder / name).st_mtime_ns for name in os.listdir(folder)}
    form = opened(client, "story.toml") | {"title": "new"}
    for address in ("/writing/check", "/writing/draft"):
        assert client.post(address, data=form | {"do": "add-clause-0"}).status_code == 200
    client.get("/writing/new")
    assert {name: os.stat(folder / name).st_mtime_ns for name in os.listdir(folder)} == before


def test_a_fault_and_a_finding_stand_beside_their_panel(client: TestClient) -> None:
    form = opened(client, "story.toml") | {"panel-2-plain": "1", "panel-2-prompt": "她在睡觉"}
    told = client.post("/writing/check", data=form).text
    beside = told.partition('id="said-panel-2"')[2].partition('id="said-panel-3"')[0]
    assert "Finding" in words(beside)
    form["panel-2-prompt"] = "(red:1.3) 小猫"
    told = client.post("/writing/check", data=form).text
    beside = told.partition('id="said-panel-2"')[2].partition('id="said-panel-3"')[0]
    assert "Fault (Prompt)" in words(beside)
    assert "is a weight in A1111" in words(beside)


def test_a_draft_with_an_empty_panel_is_saved_and_says_that_it_cannot_be_drawn(
    client: TestClient, folder: Path
) -> None:
    form = form_of(client.get("/writing/new?begin=blank").text) | {"name": "雨天", "title": "雨天"}
    answer = client.post("/writing/save", data=form)
    assert answer.status_code == 200
    assert answer.headers["hx-replace-url"] == "/writing/edit?file=%E9%9B%A8%E5%A4%A9.toml"
    assert "cannot be drawn yet" in words(answer.text)
    assert (folder / "雨天.toml").read_text(encoding="utf-8").count("[[panel]]") == 8


def test_a_file_changed_meanwhile_is_shown_beside_and_nothing_is_lost(
    client: TestClient, folder: Path
) -> None:
    form = opened(client, "story.toml") | {"title": "mine"}
    theirs = FILES["story.toml"] + b"# theirs\n"
    (folder / "story.toml").write_bytes(theirs)
    answer = client.post("/writing/save", data=form)
    assert answer.status_code == 409
    assert "+ # theirs" in words(answer.text)
    assert '− title = "mine"' in words(answer.text).replace("&#34;", '"')
    assert (folder / "story.toml").read_bytes() == theirs
    again = form | form_of(answer.text, None)
    assert again["title"] == "mine"
    assert client.post("/writing/save", data=again).status_code == 409
    new = client.post("/writing/save", data=again | {"how": "new"})
    assert new.status_code == 200
    assert load_story(folder / "story-2.toml").story.title == "mine"
    there = re.search(r'"there": "(\w+)"', answer.text)
    assert there is not None
    over = client.post("/writing/save", data=again | {"how": "over", "there": there[1]})
    assert over.status_code == 200
    assert load_story(folder / "story.toml").story.title == "mine"


def test_saving_replaces_no_field_and_who_types_on_loses_nothing(client: TestClient, folder: Path) -> None:
    form = opened(client, "story.toml") | {"title": "first"}
    saved = client.post("/writing/save", data=form)
    assert 'id="draft"' not in saved.text
    assert 'name="title"' not in saved.text
    again = form | form_of(saved.text, None) | {"title": "second"}
    assert client.post("/writing/save", data=again).status_code == 200
    assert load_story(folder / "story.toml").story.title == "second"


def test_a_new_name_is_shown_to_the_clauses_after_saving(client: TestClient, folder: Path) -> None:
    form = opened(client, "story.toml")
    saved = client.post("/writing/save", data=form | {"character-0-name": "boy"})
    assert saved.headers["hx-retarget"] == "#draft"
    again = form_of(saved.text)
    assert "character:boy" in again.values()
    assert client.post("/writing/save", data=again).status_code == 200
    assert "boy" in load_story(folder / "story.toml").story.characters


def test_a_file_that_is_gone_is_told(client: TestClient, folder: Path) -> None:
    form = opened(client, "story.toml")
    (folder / "story.toml").unlink()
    answer = client.post("/writing/save", data=form)
    assert answer.status_code == 409
    assert "The file is gone" in answer.text
    assert not (folder / "story.toml").exists()


@pytest.mark.parametrize("name", ["story", "../out", "a/b", "con", "", "x" * 300])
def test_a_name_that_cannot_be_or_is_taken_is_told_and_the_draft_stays(
    client: TestClient, folder: Path, name: str
) -> None:
    form = form_of(client.get("/writing/new?begin=en/rainy-night").text) | {"name": name}
    before = sorted(os.listdir(folder.parent)), sorted(os.listdir(folder))
    answer = client.post("/writing/save", data=form)
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text
    assert (sorted(os.listdir(folder.parent)), sorted(os.listdir(folder))) == before


@pytest.mark.parametrize(
    "file",
    [
        "../secret.toml",
        "/etc/passwd",
        "link.toml",
        ".storykit-board/x.toml",
        "a\0.toml",
        "intro",
        "pipe.toml",
    ],
)
def test_nothing_outside_is_opened_or_written(client: TestClient, folder: Path, file: str) -> None:
    secret = folder.parent / "secret.toml"
    secret.write_bytes(FILES["story.toml"])
    (folder / "link.toml").symlink_to(secret)
    os.mkfifo(folder / "pipe.toml")
    assert client.get("/writing/edit", params={"file": file}).status_code == 400
    form = opened(client, "story.toml") | {"file": file, "title": "x"}
    assert client.post("/writing/save", data=form).status_code in (400, 409)
    assert secret.read_bytes() == FILES["story.toml"]


@pytest.mark.parametrize("folder_name", ["..", "../mine", "/tmp", "run", "nowhere"])
def test_a_new_file_goes_only_where_it_may(client: TestClient, folder: Path, folder_name: str) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "experiment.toml").write_text(MARK, encoding="utf-8")
    form = form_of(client.get("/writing/new").text) | {"folder": folder_name, "name": "x"}
    assert client.post("/writing/save", data=form).status_code in (400, 409)
    assert not list(folder.parent.rglob("x.toml"))


def test_the_story_of_a_run_becomes_a_new_one(client: TestClient, folder: Path) -> None:
    (folder / "run" / "stories").mkdir(parents=True)
    (folder / "run" / "experiment.toml").write_text(MARK, encoding="utf-8")
    drawn = folder / "run" / "stories" / "rain.toml"
    drawn.write_bytes(FILES["story.toml"])
    form = opened(client, "run/stories/rain.toml")
    assert (form["file"], form["name"]) == ("", "rain")
    assert client.post("/writing/save", data=form | {"title": "new"}).status_code == 200
    assert drawn.read_bytes() == FILES["story.toml"]
    assert load_story(folder / "rain.toml").story.title == "new"


@pytest.mark.parametrize("file", ["story.toml", "experiment.toml"])
def test_markup_in_every_field_stays_text(client: TestClient, file: str) -> None:
    form = {
        name: EVIL if name not in ("kind", "mode", "file", "folder", "version", "source") else value
        for name, value in opened(client, file).items()
    }
    for address in ("/writing/check", "/writing/draft", "/writing/save"):
        page = client.post(address, data=form).text
        assert "<script>alert" not in page
        assert "<img" not in page


@pytest.mark.parametrize(
    ("do", "change"),
    [
        ("add-character", {"character-2-name": ""}),
        ("drop-character-1", {"character-1-name": None}),
        ("add-place", {}),
        ("add-clause-0", {}),
        ("drop-clause-0-0", {}),
        ("up-clause-0-1", {}),
        ("plain-panel-0", {"panel-0-plain": "1"}),
        ("up-panel-1", {}),
        *(
            (do, {})
            for do in ("", "nonsense", "drop-clause-99-99", "up-panel-9999", "add-candidate", "x" * 99)
        ),
    ],
)
def test_a_button_changes_rows_and_keeps_every_word(
    client: TestClient, do: str, change: dict[str, str | None]
) -> None:
    form = opened(client, "story.toml") | {"title": "kept"}
    again = form_of(client.post("/writing/draft", data=form | {"do": do}).text)
    assert again["title"] == "kept"
    for name, value in change.items():
        assert again.get(name) == value


def test_the_toml_itself_is_edited_with_the_same_checks(client: TestClient, folder: Path) -> None:
    form = form_of(client.post("/writing/draft", data=opened(client, "story.toml") | {"do": "toml"}).text)
    assert str(form["text"]).replace("\r\n", "\n").encode() == FILES["story.toml"]
    broken = client.post("/writing/save", data=form | {"text": "[[panel]"})
    assert broken.status_code == 422
    assert "not saved: is not TOML" in words(broken.text)
    kept = client.post("/writing/draft", data=form | {"text": "[[panel]", "do": "form"})
    assert form_of(kept.text)["text"] == "[[panel]"
    wrong = str(form["text"]).replace('role = "subject", c', 'role = "hero", c', 1)
    told = words(client.post("/writing/check", data=form | {"text": wrong}).text)
    assert "Fault (Panel 1, clause 1) must be" in told
    text = str(form["text"]) + "# mine\r\n"
    back = form_of(client.post("/writing/draft", data=form | {"text": text, "do": "form"}).text)
    assert client.post("/writing/save", data=back).status_code == 200
    assert (folder / "story.toml").read_bytes() == FILES["story.toml"] + b"# mine\n"


def test_the_file_as_it_will_be_saved_can_be_copied(client: TestClient) -> None:
    told = client.post("/writing/check", data=opened(client, "story.toml") | {"title": "new"}).text
    copied = re.search(r'data-copy="([^"]*)"', told)
    assert copied is not None
    assert unescape(copied[1]).encode() == FILES["story.toml"].replace("可可不见了".encode(), b"new", 1)


def test_comments_that_would_go_are_told_before_saving(client: TestClient) -> None:
    form = opened(client, "experiment.toml")
    told = client.post("/writing/draft", data=form | {"do": "drop-candidate-1"})
    assert "comments of the file would go" in words(told.text)


def test_an_experiment_says_how_much_it_draws_and_what_is_wrong_beside_the_field(client: TestClient) -> None:
    form = opened(client, "experiment.toml")
    assert "48 pictures" in words(client.post("/writing/check", data=form).text)
    told = client.post("/writing/check", data=form | {"seeds": "many", "size": "100"}).text
    assert "write whole numbers and ranges" in told.partition('id="said-seeds"')[2].partition("</div>")[0]
    assert "multiple of 32" in told.partition('id="said-size"')[2].partition("</div>")[0]
    answer = client.post("/writing/save", data=form | {"seeds": "many"})
    assert answer.status_code == 422
    assert 'id="draft"' not in answer.text


def test_a_new_experiment_draws_the_story_that_was_asked_for(client: TestClient) -> None:
    form = form_of(client.get("/writing/new?kind=experiment&story=story.toml").text)
    assert "story.toml" in form["stories"]


def test_a_table_is_brought_in_as_a_new_draft(client: TestClient, folder: Path) -> None:
    lines = "\n".join(f"一只小猫，在第{at}条街上" for at in range(8))
    for sent in ({"files": {"upload": ("雨天.txt", lines.encode())}}, {"data": {"pasted": lines}}):
        answer = client.post("/writing/import", **sent)
        assert answer.status_code == 200
        assert form_of(answer.text)["version"] == ""
    assert sorted(os.listdir(folder)) == sorted(FILES)


def test_what_cannot_be_brought_in_is_told_and_nothing_is_written(client: TestClient, folder: Path) -> None:
    answer = client.post("/writing/import", files={"upload": ("bomb.zip", b"PK\3\4" + b"\0" * 99)})
    assert answer.status_code == 400
    assert "zip archive" in words(answer.text)
    assert client.post("/writing/import", data={"pasted": ""}).status_code == 400
    assert sorted(os.listdir(folder)) == sorted(FILES)


def test_too_much_at_once_is_refused(client: TestClient) -> None:
    form = opened(client, "story.toml") | {"source": "#" * 100_000}
    assert client.post("/writing/check", data=form).status_code == 400
    form = opened(client, "story.toml")
    assert client.post("/writing/check", data=form | {"title": "x" * 3_000_000}).status_code == 400
    answer = client.post("/writing/save", data=form | {"title": "x" * 70_000})
    assert answer.status_code == 422
    assert "it has more than 65,536 bytes" in words(answer.text)


def test_a_training_is_not_written_here(client: TestClient) -> None:
    assert "neither a story nor an experiment" in client.get("/writing/edit?file=train.toml").text


def test_a_text_of_lines_stays_one_as_long_as_it_can(client: TestClient, folder: Path) -> None:
    (folder / "eight.txt").write_text("\n".join(f"小猫{at}" for at in range(8)), encoding="utf-8")
    form = opened(client, "eight.txt") | {"panel-0-prompt": "小狗"}
    assert client.post("/writing/save", data=form).status_code == 200
    assert (folder / "eight.txt").read_text(encoding="utf-8").splitlines()[0] == "小狗"
    answer = client.post("/writing/save", data=opened(client, "eight.txt") | {"panel-0-caption": "x"})
    assert answer.status_code == 409
    assert "as a .toml file" in words(answer.text)


def test_the_pages_speak_chinese(folder: Path) -> None:
    page = board_client(folder, "zh").get("/writing/edit?file=story.toml").text
    assert "可以画了" in page
