from kit.world.scene import STYLES
from kit.world.tale import sample_tale


def test_a_tale_has_one_hero_one_style_and_four_places_for_two_panels_each():
    for seed in range(30):
        tale = sample_tale(seed)
        heroes = {(s.characters[0].kind, s.characters[0].colour, s.characters[0].hair) for s in tale.scenes}
        assert len(heroes) == len({scene.style for scene in tale.scenes}) == 1
        places = [scene.place for scene in tale.scenes]
        assert places[::2] == places[1::2]
        assert len(set(places)) == 4
        assert tale == sample_tale(seed)
    assert {sample_tale(seed).scenes[0].style for seed in range(60)} == set(STYLES)


def test_a_tale_says_who_and_where_in_both_languages():
    tale = sample_tale(0)
    for language in ("zh", "en"):
        texts = tale.texts(language)
        assert len(texts) == 8
        assert all(text.count("，" if language == "zh" else ",") >= 2 for text in texts)
