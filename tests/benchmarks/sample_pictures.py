"""The twelve pictures that `storykit new` gives away to learn a style from, in wax crayon.

python -m tests.benchmarks.sample_pictures

Writes kit/starter/templates/pictures and the captions of each language beside them.
"""

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from kit.starter.folder import TEMPLATES
from kit.world.render import render
from kit.world.scene import Character, Scene
from tests.benchmarks.new_styles import crayon

COLOURS = 192
"""Of a picture's palette: a third of the bytes, and nothing that is seen."""


class Sample(NamedTuple):
    """A scene and what is said of it, in Chinese and in English, its style apart."""

    scene: Scene
    zh: str
    en: str


SAMPLES: Sequence[Sample] = (
    Sample(
        Scene(
            characters=(Character(kind="girl", colour="red", hair="black", hair_length="long", pose="wave"),),
            place="park",
            seed=1,
        ),
        "一个黑色长发的小女孩，穿着红色裙子，挥手，在公园，白天",
        "a girl with long black hair in a red dress, waving, in the park, daytime",
    ),
    Sample(
        Scene(
            characters=(Character(kind="kitten", colour="orange", pose="sleep"),),
            place="living",
            time="dusk",
            seed=2,
        ),
        "一只橙色的小猫，在睡觉，在客厅，傍晚",
        "an orange kitten, sleeping, in the living room, at dusk",
    ),
    Sample(
        Scene(
            characters=(
                Character(kind="boy", colour="blue", hair="brown", hair_length="short", pose="run"),
                Character(kind="dog", colour="white", pose="sit"),
            ),
            place="beach",
            seed=3,
        ),
        "一个棕色短发的小男孩，穿着蓝色T恤，奔跑，一只白色的小狗，坐着，在沙滩上，白天",
        "a boy with short brown hair in a blue shirt, running, a white dog, sitting, on the beach, daytime",
    ),
    Sample(
        Scene(
            characters=(Character(kind="dragon", colour="green", pose="sit"),),
            place="stars",
            time="night",
            seed=4,
        ),
        "一只绿色的小龙，坐着，流星划过夜空",
        "a green dragon, sitting, under shooting stars",
    ),
    Sample(
        Scene(
            characters=(
                Character(kind="woman", colour="yellow", hair="brown", hair_length="long", pose="read"),
            ),
            place="cafe",
            seed=5,
        ),
        "一个棕色长发的女人，穿着黄色长裙，看书，在咖啡馆里，白天",
        "a woman with long brown hair in a yellow dress, reading a book, in the cafe, daytime",
    ),
    Sample(
        Scene(characters=(Character(kind="rabbit", colour="pink", pose="run"),), place="snow", seed=6),
        "一只粉色的小兔子，奔跑，在雪地，白天",
        "a pink rabbit, running, in the snow, daytime",
    ),
    Sample(
        Scene(
            characters=(
                Character(
                    kind="youth",
                    colour="red",
                    hair="black",
                    hair_length="short",
                    pose="hold",
                    prop="lantern",
                ),
            ),
            place="street",
            time="night",
            seed=7,
        ),
        "一个黑色短发的青年，穿着红色卫衣，拿着灯笼，在街上，夜晚",
        "a youth with short black hair in a red hoodie, holding a lantern, on the street, at night",
    ),
    Sample(
        Scene(
            characters=(
                Character(kind="girl", colour="pink", hair="blond", hair_length="long", pose="sing"),
            ),
            place="stage",
            time="night",
            seed=8,
        ),
        "一个金色长发的小女孩，穿着粉色裙子，拿着麦克风唱歌，在舞台上",
        "a girl with long blond hair in a pink dress, singing with a microphone, on the stage",
    ),
    Sample(
        Scene(
            characters=(Character(kind="dog", colour="brown", pose="eat"),),
            place="kitchen",
            seed=9,
        ),
        "一只棕色的小狗，吃东西，在厨房，白天",
        "a brown dog, eating, in the kitchen, daytime",
    ),
    Sample(
        Scene(
            characters=(
                Character(
                    kind="man",
                    colour="green",
                    hair="red",
                    hair_length="short",
                    pose="stand",
                    expression="laugh",
                ),
            ),
            place="mountain",
            time="dusk",
            seed=10,
        ),
        "一个红色短发的男人，穿着绿色西装，站着，大笑，在山顶，傍晚",
        "a man with short red hair in a green suit, standing, laughing, in the mountains, at dusk",
    ),
    Sample(
        Scene(
            characters=(
                Character(kind="girl", colour="blue", hair="red", hair_length="short", pose="crouch"),
                Character(kind="kitten", colour="grey", pose="stand"),
            ),
            place="forest",
            seed=11,
        ),
        "一个红色短发的小女孩，穿着蓝色裙子，蹲下，一只灰色的小猫，站着，在森林",
        "a girl with short red hair in a blue dress, crouching, a grey kitten, standing, in the forest",
    ),
    Sample(
        Scene(
            characters=(
                Character(kind="boy", colour="yellow", hair="black", hair_length="short", pose="sleep"),
            ),
            place="bedroom",
            time="night",
            seed=12,
        ),
        "一个黑色短发的小男孩，穿着黄色T恤，躺在床上睡觉，卧室里，夜晚",
        "a boy with short black hair in a yellow shirt, sleeping in bed, in the bedroom, at night",
    ),
)


def table_of(texts: Sequence[str]) -> bytes:
    """Return the captions as `train` reads them."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["file_name", "text"])
    table.writerows([f"{number:02}.png", text] for number, text in enumerate(texts, 1))
    return out.getvalue().encode("utf-8")


def main() -> None:
    """Write pictures and captions."""
    folder = TEMPLATES / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(SAMPLES, 1):
        drawn = crayon(render(sample.scene).picture)
        drawn.quantize(COLOURS, dither=Image.Dither.NONE).save(folder / f"{number:02}.png", optimize=True)
    for language in ("zh", "en"):
        texts = [getattr(sample, language) for sample in SAMPLES]
        (TEMPLATES / language / "metadata.csv").write_bytes(table_of(texts))


if __name__ == "__main__":
    main()
