import re
from dataclasses import replace

import pytest
from course_entries import rank_all
from english_sentences import english_on_page
from entries import forge
from foreign_words import foreign_words

from submissions.leaderboard.page import board_html
from submissions.leaderboard.table import sentences

HOSTILE = "<script>alert(1)</script>"


def test_the_page_escapes_what_entries_say_and_asks_the_network_for_nothing(hand_in):
    hidden = forge(hand_in(3), lambda _, told: told.update(team=f"{HOSTILE}\x1b[31m\u202e"))
    page = board_html(rank_all([hand_in(1, team=HOSTILE, title='"><img src=x>'), hand_in(2), hidden]))
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert(1)" in page
    assert "<img src=x" not in page
    assert not {"\x1b", "\u202e"} & set(page)
    assert re.findall(r"""(?:src|href)=["'](?!data:image/webp|#)""", page) == []
    assert page.count("data:image/webp;base64,") == 16


def test_the_page_says_what_it_did_in_the_language_of_most_entries(hand_in):
    def speak_english(files: dict[str, bytes], told: dict) -> None:
        for panel in told["panels"]:
            panel["prompt"] = "a cat"

    board = rank_all([hand_in(1), hand_in(2)])
    assert (board.language, "分不出高下" in board_html(board)) == ("zh", True)
    broken = [forge(hand_in(number), speak_english) for number in (3, 4, 5)]
    page = board_html(rank_all(broken))
    assert sentences("en")["deck"].format(ranked=0, named=3, all=3) in page


def test_a_chinese_page_speaks_chinese_title_criteria_and_reasons_as_well(hand_in):
    def spoil(_: dict[str, bytes], told: dict) -> None:
        told["panels"] = told["panels"][:7]

    def empty(files: dict[str, bytes], _: dict) -> None:
        files["post.txt"] = b""

    board = rank_all([hand_in(1), hand_in(2), forge(hand_in(3), spoil), forge(hand_in(4), empty)])
    page = board_html(board)
    known = [word for one in (*board.standings, *board.unranked) for word in _names(one)]
    assert foreign_words(page, *known, "fake", "squares") == []
    assert "课程作业：LoRA 风格故事" in page
    assert "是空的" in page


@pytest.mark.parametrize("asked", ["zh", "en"])
def test_the_page_is_in_the_language_that_the_reader_asks_for(hand_in, monkeypatch, asked):
    board = rank_all([hand_in(1), hand_in(2)])
    monkeypatch.setenv("STORYKIT_LANG", asked)
    other = replace(board, language="en" if asked == "zh" else "zh")
    page = board_html(other)
    assert f'<html lang="{asked}">' in page
    assert (english_on_page(page) == []) == (asked == "zh")


def test_every_picture_of_the_ranking_can_be_opened_large(hand_in):
    page = board_html(rank_all([hand_in(1), hand_in(2)]))
    assert (
        len(re.findall(r'<button type="button" class="shot" data-panel="\d" data-title="[^"]+"', page)) == 16
    )
    assert '<dialog id="lightbox"' in page


def test_the_page_is_sound_in_a_browser_wide_and_narrow_light_and_dark(hand_in, visit):
    torn = forge(hand_in(3), lambda files, _: files.update({"post.txt": b""}))
    page = visit(board_html(rank_all([hand_in(1, team=HOSTILE), hand_in(2), torn])), width=390)
    page.is_sound()
    page.locator(".shot").first.press("Enter")
    page.keyboard.press("ArrowRight")
    assert page.locator(".box-title").text_content().endswith("第 2 格")
    page.is_sound()


def _names(one: object) -> list[str]:
    entry = getattr(one, "exhibit", one)
    return [entry.team, entry.title, entry.file]
