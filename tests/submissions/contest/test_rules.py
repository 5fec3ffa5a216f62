from pathlib import Path

import pytest

from kit.errors import InputError
from submissions.contest.rules import SHIPPED, load_rules, shipped_rules

KOLORS = (SHIPPED / "kolors-2024.toml").read_text("utf-8")


def changed(folder: Path, *swaps: tuple[str, str]) -> str:
    """Write the Kolors rules with some text swapped, and return the file's name."""
    text = KOLORS
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return str(folder / "mine.toml")


def test_storykit_ships_the_kolors_contest_a_course_and_a_practice_contest():
    assert shipped_rules() == ("course-example", "kolors-2024", "practice")


@pytest.mark.parametrize("name", shipped_rules())
def test_shipped_rules_carry_the_name_of_their_file_and_a_source_for_each_rule(name):
    rules = load_rules(name)
    assert rules.name == name
    for rule in (
        rules.panels,
        rules.gate,
        rules.lora,
        rules.display_name,
        rules.post,
        rules.introduction,
        rules.files,
        rules.deadline,
        rules.ranking,
    ):
        assert rule.source


def test_the_kolors_rules_ask_for_eight_panels_a_lora_and_a_mean_score_of_six():
    rules = load_rules("kolors-2024")
    assert (rules.panels.count, rules.lora.required, rules.gate.threshold) == (8, True, 6.0)
    assert not rules.gate.embedded


def test_a_name_and_a_post_title_follow_the_contests_patterns():
    rules = load_rules("kolors-2024")
    assert rules.name_of("云上画师", "墨猫") == "云上画师-可图Kolors训练-墨猫"
    assert (
        rules.post_title("云上画师", "https://a.example/m")
        == "云上画师+https://a.example/m+作品图（8图故事）"
    )


def test_braces_in_a_title_stay_as_they_are():
    assert load_rules("kolors-2024").name_of("A", "{team}") == "A-可图Kolors训练-{team}"


def test_the_practice_contest_lets_the_bare_base_and_the_embedded_head_in():
    rules = load_rules("practice")
    assert rules.practice
    assert rules.gate.embedded
    assert not rules.lora.required


def test_another_contest_has_its_own_name_pattern_threshold_deadline_and_ranking():
    course = load_rules("course-example")
    assert course.name_of("7", "cat") == "7_LoRA-story_cat"
    assert course.gate.threshold == 5.5
    assert course.deadline.at is not None
    assert [part.metric for part in course.ranking.part] == ["aesthetic_mean", "text_mean"]


def test_the_kolors_contest_ranks_technique_coherence_and_effect_and_names_no_day():
    rules = load_rules("kolors-2024")
    assert [(part.weight, part.metric) for part in rules.ranking.part] == [
        (0.4, None),
        (0.3, "style"),
        (0.3, "aesthetic_mean"),
    ]
    assert rules.deadline.at is None


@pytest.mark.parametrize(
    ("swap", "fault"),
    [
        (("weight = 0.4", "weight = 0.5"), "must have weights that add up to 1, got 1.1"),
        (('metric = "style"', 'metric = "stile"'), r"ranking\.part\[2\]\.metric"),
        (("[deadline]", "[deadline]\nat = 2024-08-31T12:00:00"), r"deadline\.at.*timezone"),
    ],
)
def test_a_ranking_or_a_deadline_that_makes_no_sense_is_refused(tmp_path, swap, fault):
    with pytest.raises(InputError, match=fault):
        load_rules(changed(tmp_path, swap))


def test_a_ranking_of_nothing_that_can_be_measured_is_refused(tmp_path):
    blind = [('metric = "style"\n', ""), ('metric = "aesthetic_mean"\n', "")]
    with pytest.raises(InputError, match="a metric for at least one part"):
        load_rules(changed(tmp_path, *blind))


def test_an_unknown_contest_is_refused_with_those_known():
    with pytest.raises(
        InputError, match="unknown contest 'kolors', known are course-example, kolors-2024, practice"
    ):
        load_rules("kolors")


def test_a_contest_of_ones_own_is_read_from_a_toml_file(tmp_path):
    assert load_rules(changed(tmp_path, ("threshold = 6.0", "threshold = 5.5"))).gate.threshold == 5.5


def test_every_unknown_or_missing_rule_is_named_at_once(tmp_path):
    mine = changed(
        tmp_path,
        ("[lora]\nrequired", "[lora]\nneeded"),
        ("[panels]\ncount = 8", "[panels]\ncount = 0"),
        ("practice = false", "practice = false\n[colour]\nsource = 'x'\n"),
    )
    with pytest.raises(InputError) as caught:
        load_rules(mine)
    said = "\n".join(caught.value.faults)
    for fault in (
        "colour: unknown key",
        "lora.required: is missing",
        "lora.needed: unknown key",
        "panels.count",
    ):
        assert fault in said


def test_a_rule_without_a_source_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"gate\.source"):
        load_rules(changed(tmp_path, ('source = "客观评分: a mean', 'source = ""\n#')))


@pytest.mark.parametrize("pattern", ["{team}-{name}", "{team}", "{team}{team}{title}", "{team}-{title!r}"])
def test_a_name_pattern_without_exactly_team_and_title_is_refused(tmp_path, pattern):
    with pytest.raises(InputError, match=r"display_name\.pattern"):
        load_rules(changed(tmp_path, ("{team}-可图Kolors训练-{title}", pattern)))


def test_a_missing_rules_file_is_one_clear_error(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_rules(str(tmp_path / "none.toml"))
