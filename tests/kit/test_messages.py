import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import InputError, RunError
from kit.messages import against_threshold, all_in_english, asked_language, in_english, joined, ptr, tr, trn

LOCALES = ("STORYKIT_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("STORYKIT_LANG", "zh")


def test_a_sentence_is_told_in_chinese_and_still_known_in_english(chinese):
    told = tr("and {more:,} more faults", more=1200)
    assert told != told.english == "and 1,200 more faults"
    assert "1,200" in told
    assert told.id == "and {more:,} more faults"
    assert told.values == {"more": 1200}


def test_sentences_within_sentences_are_told_in_the_same_language(chinese):
    inner = tr("and {more:,} more faults", more=2)
    outer = joined([tr("{source}: {faults}", source="a.toml", faults=inner), "as it is"])
    assert outer.english == "a.toml: and 2 more faults; as it is"
    assert str(inner) in outer


def test_a_sentence_without_a_translation_stays_english(chinese):
    assert tr("no such sentence {n}", n=1) == "no such sentence 1"


@pytest.mark.parametrize(("n", "told"), [(0, "0 blots"), (1, "1 blot"), (2, "2 blots")])
def test_english_has_a_form_for_one(n, told):
    assert trn("{n} blot", "{n} blots", n) == told


def test_a_sentence_crosses_to_another_process_whole(chinese):
    told = pickle.loads(pickle.dumps(tr("and {more:,} more faults", more=3)))
    assert in_english(told) == "and 3 more faults"
    assert told != told.english


def test_an_error_says_the_same_in_every_language_to_a_program(monkeypatch):
    def error() -> InputError:
        return InputError("a.toml", [f"fault {n}" for n in range(30)])

    english = error()
    monkeypatch.setenv("STORYKIT_LANG", "zh")
    assert error().id == english.id == "{source}: {faults}"
    assert error().values["source"] == "a.toml"
    assert error().message.english == str(english)
    assert str(error()) != str(english)


def test_an_error_of_plain_words_has_them_for_its_value():
    assert RunError("is {gone}").message == "is {gone}"
    assert RunError("is {gone}").values == {"text": "is {gone}"}


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"STORYKIT_LANG": "zh", "LANG": "en_US.UTF-8"}, "zh"),
        ({"STORYKIT_LANG": "en", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh-TW"}, "zh"),
        ({"LANGUAGE": "zh_CN:en", "LANG": "en_US.UTF-8"}, "zh"),
        ({"LANGUAGE": "fr:zh", "LANG": "C"}, "zh"),
        ({"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, None),
        ({"LANG": "fr_FR.UTF-8"}, None),
        ({"STORYKIT_LANG": ""}, None),
        ({}, None),
    ],
)
def test_the_language_is_our_variable_else_the_locale(variables, language, monkeypatch):
    for name in LOCALES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert asked_language() == language


def test_what_an_error_says_is_told_in_both_languages(chinese):
    told = tr(
        "{source}: {faults}", source="a.toml", faults=ValueError(tr("and {more:,} more faults", more=2))
    )
    assert told.english == "a.toml: and 2 more faults"
    assert told.endswith(str(tr("and {more:,} more faults", more=2)))


def test_what_stands_between_sentences_is_chinese_too(chinese):
    told = joined(["a.toml", "b.toml"], tr(" and "))
    assert (told, told.english) == ("a.toml、b.toml", "a.toml and b.toml")


def test_files_and_json_hold_english_however_deep(chinese):
    more = tr("and {more:,} more faults", more=2)
    assert all_in_english({more: [{"faults": (more, 3, None)}]}) == {
        "and 2 more faults": [{"faults": ["and 2 more faults", 3, None]}]
    }


def test_one_english_word_may_be_two_in_chinese(chinese):
    assert ptr("table", "missing").english == ptr("status", "missing").english == "missing"
    assert ptr("table", "missing") != ptr("status", "missing")


@pytest.mark.parametrize("kind", [ValueError, RunError, OSError])
def test_what_is_said_in_an_exception_is_still_known_in_english(kind, chinese):
    error = kind(tr("and {more:,} more faults", more=3))
    assert str(error) != in_english(str(error)) == "and 3 more faults"
    assert tr("{source}: {faults}", source="a.toml", faults=error).english == "a.toml: and 3 more faults"


def test_a_long_fault_is_cut_in_both_languages(chinese):
    error = InputError("a.toml", [tr("{source}: {faults}", source="b" * 1500, faults="c")])
    assert error.message.english == f"a.toml: {'b' * 1000}..."


def test_a_chinese_sentence_is_spaced_whatever_stands_in_it(chinese):
    told = [
        tr("no verdict on {sides}: {lack}", sides=tr("{a} against {b}", a="ink", b="base"), lack=3),
        tr("{place} {told}", place=tr("line {line}", line=2), told=tr("is empty")),
        tr("{place} {told}", place="a.csv", told=tr("is empty")),
        tr("{folder} is no folder, so {file} cannot be written there", folder="图", file="报告"),
        tr("note    {note}", note=tr("is empty")),
    ]
    assert told == [
        "ink 对 base 尚无结论：3",
        "第 2 行是空的",
        "a.csv 是空的",
        "图 不是文件夹，所以 报告 写不进去",
        "提示    是空的",
    ]


@given(st.floats(0, 10), st.floats(-1e-3, 1e-3))
def test_a_number_never_shows_on_the_other_side_of_a_threshold(threshold, away):
    value = threshold + away
    told = against_threshold(value, threshold, 2)
    assert (float(told) >= threshold) == (value >= threshold)
    assert abs(float(told) - value) < 0.00501


def test_a_number_has_as_many_decimals_as_were_asked_for_where_these_do():
    assert against_threshold(5.99412, 6.0, 2) == "5.99"
    assert against_threshold(6.00412, 6.0, 2) == "6.00"
    assert against_threshold(5.99712, 6.0, 2) == "5.997"
