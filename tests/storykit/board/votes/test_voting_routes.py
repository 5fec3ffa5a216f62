"""The booth: nothing tells who is who, an answer is kept once, and a link lets somebody vote alone."""

import re
from io import BytesIO

import pytest
from made_run import Plan, make_run
from PIL import Image
from served_board import access_of, board_client

from eval.votes.vote_file import FILE, read_votes
from storykit.board.votes.voters import name_owner

THREE = ("ink", "wash", "base")
NAMES = re.compile(r"\bink\b|\bwash\b|\bbase\b|authored|seed|aesthetic|[0-9a-f]{64}", re.IGNORECASE)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("served"), Plan(candidates=THREE, seeds=(0, 1)))


@pytest.fixture
def run(drawn):
    for name in (FILE, "voters.json"):
        (drawn.folder / name).unlink(missing_ok=True)
    name_owner(drawn, "Li Na")
    return drawn


@pytest.fixture
def client(run):
    return board_client(run.folder.parent)


def ballots(client):
    return re.findall(r'name="ballot" value="(\w+)"', client.get("/votes?run=run").text)


def booth(client, kind=0):
    return f"?run=run&ballot={ballots(client)[kind]}"


def question(text):
    return {
        name: re.search(rf'name="{name}" value="([^"]+)"', text)[1]
        for name in ("key", "shown")
        if f'name="{name}"' in text
    }


def answer(client, place, text, answer="left"):
    return client.post("/voting/answer" + place, data={**question(text), "answer": answer})


def undo(client, place, text=None):
    """Take the last vote back, as a page of that text would, or a fresh one."""
    text = text or client.get("/voting" + place).text
    return client.post("/voting/undo" + place, data={"seen": re.search(r'"seen": "(\w*)"', text)[1]})


def pictures(text):
    return re.findall(r'<img src="(/voting/picture/\w+)" data-close="([^"]+)"', text)


@pytest.mark.parametrize("kind", [0, 1])
def test_the_booth_tells_nothing_of_who_is_who(client, kind):
    text = client.get("/voting" + booth(client, kind)).text
    assert len(pictures(text)) == (2 if kind == 0 else 16)
    assert NAMES.findall(text.partition("</head>")[2]) == []


def test_the_words_of_the_panel_stand_above_and_none_of_the_prompt(client, run):
    text = client.get("/voting" + booth(client)).text
    captions = [panel.caption for panel in run.loaded.stories[0].story.panels]
    assert sum(caption in text for caption in captions) == 1
    assert "水墨画" not in text


def test_without_captions_the_words_that_were_drawn_stand_above(tmp_path):
    run = make_run(tmp_path, Plan(seeds=(0,)))
    name_owner(run, "Li Na")
    story = run.folder / "stories" / "cat.toml"
    story.write_text(re.sub(r"(?m)^caption = .*\n", "", story.read_text(encoding="utf-8")), encoding="utf-8")
    client = board_client(tmp_path)
    assert "水墨画" in client.get("/voting" + booth(client)).text


def test_pictures_are_made_anew_so_that_no_recipe_goes_along(client):
    looks, closes = zip(*pictures(client.get("/voting" + booth(client)).text), strict=True)
    for address in (*looks, *closes):
        found = client.get(address.replace("&amp;", "&"))
        assert found.headers["content-type"] == "image/webp"
        assert Image.open(BytesIO(found.content)).size == (64, 64)
        assert not {"exif", "xmp", "parameters"} & Image.open(BytesIO(found.content)).info.keys()
        assert "immutable" in found.headers["cache-control"]


def test_the_next_pair_is_loaded_beforehand(client):
    place = booth(client)
    text = client.get("/voting" + place).text
    coming = re.findall(r'<img src="(/voting/picture/\w+)" alt="">', text)
    then = answer(client, place, text, "right").text
    assert [look for look, _ in pictures(then)] == coming


def test_an_answer_is_on_disk_before_it_is_confirmed(client, run):
    place = booth(client)
    text = client.get("/voting" + place).text
    key = question(text)["key"]
    assert answer(client, place, text, "both-bad").status_code == 200
    vote = read_votes(run).votes[0]
    assert (vote.id, vote.answer, vote.voter) == (key, "both-bad", "Li Na")
    assert 0 <= vote.seconds < 600


def test_the_same_answer_sent_twice_counts_once(client, run):
    place = booth(client)
    text = client.get("/voting" + place).text
    assert [answer(client, place, text).status_code for _ in range(2)] == [200, 200]
    assert len(read_votes(run).votes) == 1


def test_an_answer_to_another_question_is_told_and_the_present_one_shown(client, run):
    place = booth(client)
    old = client.get("/voting" + place).text
    answer(client, place, old)
    undo(client, place)
    told = answer(client, place, old, "right")
    assert told.status_code == 200  # the answer that was taken back stays taken back
    strange = client.post("/voting/answer" + place, data={"key": "0" * 32, "shown": "0", "answer": "left"})
    assert strange.status_code == 409
    assert "answered elsewhere" in strange.text
    assert pictures(strange.text)
    assert read_votes(run).votes == ()


@pytest.mark.parametrize(
    "form",
    [{}, {"answer": "up"}, {"answer": ""}, {"key": ""}, {"shown": "x"}, {"shown": "nan"}, {"key": "k" * 65}],
)
def test_a_form_that_is_not_whole_keeps_nothing(client, run, form):
    place = booth(client)
    whole = {**question(client.get("/voting" + place).text), "answer": "left"}
    given = client.post("/voting/answer" + place, data={**whole, **form} if form else {})
    assert given.status_code in (200, 409, 422)
    if form != {"shown": "nan"}:
        assert given.status_code != 200
        assert read_votes(run).votes == ()
    assert all(0 <= vote.seconds <= 3600 for vote in read_votes(run).votes)


def test_undo_asks_the_same_pair_again(client, run):
    place = booth(client)
    first = client.get("/voting" + place).text
    second = answer(client, place, first).text
    answer(client, place, second)
    again = undo(client, place).text
    assert pictures(again) == pictures(second)
    assert question(again)["key"] != question(second)["key"]
    assert (len(read_votes(run).votes), len(read_votes(run).undone)) == (1, 1)


def test_without_a_vote_there_is_nothing_to_take_back(client):
    assert "no vote of yours" in undo(client, booth(client)).text


def test_an_undo_of_a_page_that_has_not_seen_the_last_vote_takes_nothing_back(client, run):
    place = booth(client)
    first = client.get("/voting" + place).text
    second = answer(client, place, first).text
    answer(client, place, second)
    told = undo(client, place, second)
    assert told.status_code == 409
    assert "voted elsewhere" in told.text
    assert len(read_votes(run).votes) == 2


def test_two_who_vote_at_once_are_both_counted(client, run):
    anna = voter_client(client, link_of(client, "Anna"))
    place = booth(client)
    mine, hers = client.get("/voting" + place).text, anna.get("/voting").text
    for _ in range(6):
        after = answer(anna, "", hers, "right")
        assert after.status_code == 200
        hers = after.text
        done = answer(client, place, mine)
        assert done.status_code == 200
        mine = done.text
    assert [vote.voter for vote in read_votes(run).votes] == ["Anna", "Li Na"] * 6


def test_an_answer_on_another_ballot_in_between_is_no_answer_to_this_one(client, run):
    panels, stories = booth(client, 0), booth(client, 1)
    seen = client.get("/voting" + panels).text
    answer(client, stories, client.get("/voting" + stories).text)
    assert answer(client, panels, seen).status_code == 200
    assert len(read_votes(run).votes) == 2


def test_a_board_that_was_killed_goes_on_where_it_stopped(client, run):
    place = booth(client)
    text = client.get("/voting" + place).text
    for _ in range(7):
        text = answer(client, place, text, "left").text
    other = board_client(run.folder.parent)
    assert question(other.get("/voting" + place).text)["key"] == question(text)["key"]


def test_everything_asked_is_thanked_for(client, run):
    place = booth(client, 1)
    text = client.get("/voting" + place).text
    for _ in range(20):
        if not question(text):
            break
        text = answer(client, place, text, "tie").text
    assert "Thank you" in text
    assert len({vote.pictures for vote in read_votes(run).votes}) == 6


def test_a_picture_that_is_no_picture_any_more_is_never_shown(tmp_path):
    run = make_run(tmp_path, Plan(seeds=(0,)))
    name_owner(run, "Li Na")
    for panel in range(1, 8):
        run.panel_path("ink", "authored", "cat", 0, panel).write_bytes(b"no picture")
    client = board_client(tmp_path)
    place = booth(client)
    text = client.get("/voting" + place).text
    assert len(pictures(text)) == 2
    assert "Thank you" in answer(client, place, text).text


def test_the_owner_is_asked_for_a_name_first(client, run):
    (run.folder / "voters.json").unlink()
    told = client.get("/voting" + booth(client))
    assert (told.status_code, "as who you vote" in told.text) == (400, True)


@pytest.mark.parametrize("place", ["", "?run=run", "?run=run&ballot=none", "?run=../run&ballot=x"])
def test_an_address_of_nothing_is_told(client, place):
    assert client.get("/voting" + place).status_code == 400


def link_of(client, name="Wu"):
    made = client.post("/votes/link?run=run", data={"name": name, "ballot": ballots(client)[0]})
    return re.search(r"token=([0-9a-f]{32})", made.text)[1]


def voter_client(client, token):
    other = board_client(client.app.state.board.folder.root)
    other.app.state.board.access.token = "0" * 32
    other.cookies.clear()
    assert other.get(f"/voting?token={token}").status_code == 303
    return other


def test_a_link_opens_the_booth_and_nothing_else(client, run):
    other = voter_client(client, link_of(client))
    text = other.get("/voting").text
    assert NAMES.findall(text.partition("</head>")[2]) == []
    assert answer(other, "", text, "right").status_code == 200
    assert [vote.voter for vote in read_votes(run).votes] == ["Wu"]
    row = run.rows()[0]
    closed = (
        "/",
        "/votes?run=run",
        "/votes/results?run=run",
        f"/picture?run=run&sha256={row.sha256}",
        "/sheet?run=run",
    )
    assert {other.get(address).status_code for address in closed} == {403}
    assert other.post("/votes/link?run=run", data={"name": "x", "ballot": "y"}).status_code == 403


def test_a_voter_votes_on_what_the_link_says_whatever_the_address(client, run):
    other = voter_client(client, link_of(client))
    strange = f"?run=elsewhere&ballot={ballots(client)[1]}"
    assert len(pictures(other.get("/voting" + strange).text)) == 2


def test_a_link_that_was_taken_back_opens_nothing(client):
    token = link_of(client)
    other = voter_client(client, token)
    assert other.get("/voting").status_code == 200
    client.post("/votes/unlink?run=run", data={"name": "Wu"})
    assert other.get("/voting").status_code == 403
    assert other.get(f"/voting?token={token}").status_code == 403


def test_the_token_is_kept_nowhere(client, run):
    token = link_of(client)
    assert token not in (run.folder / "voters.json").read_text()
    assert token not in client.get("/votes?run=run").text
    assert access_of(client).voter_of(token)


def test_a_new_link_for_the_same_name_replaces_the_old_one(client):
    old, new = link_of(client), link_of(client)
    assert access_of(client).voter_of(new)
    assert access_of(client).voter_of(old) == ""


@pytest.mark.parametrize("token", ["", "x", "0" * 31, "0" * 32, "é" * 32, "../../etc"])
def test_a_token_of_nobody_is_nobodys(client, token):
    link_of(client)
    assert access_of(client).voter_of(token) == ""
