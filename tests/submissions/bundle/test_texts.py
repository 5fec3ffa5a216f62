import json

import pytest
from entries import MINI, SIZE, STORY, make_entry, make_scored_run, unpack
from huggingface_hub import ModelCard

from submissions.bundle.manifest import Manifest, read_manifest
from submissions.bundle.texts import HUGGING_FACE_CARD, texts_of
from submissions.contest.rules import load_rules
from submissions.packing.pack import pack

RULES = load_rules("kolors-2024")


def manifest_of(folder, base=None, **changes) -> Manifest:
    run = make_scored_run(folder / "work", base=base) if base else make_scored_run(folder / "work")
    manifest, faults = read_manifest(unpack(pack(run, make_entry(folder, **changes)).path)["manifest.json"])
    assert faults == ()
    assert manifest is not None
    return manifest


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Manifest:
    return manifest_of(tmp_path_factory.mktemp("card"))


def text(manifest: Manifest, name: str) -> str:
    return texts_of(manifest, RULES)[name].decode()


def test_the_card_opens_with_the_front_matter_of_a_kolors_lora(manifest):
    assert text(manifest, "README.md").startswith(
        "---\nbase_model: Kwai-Kolors/Kolors\nframeworks:\n- Pytorch\nlicense: Apache License 2.0\n"
        "tags:\n- LoRA\ntasks:\n- text-to-image-synthesis\n---\n"
    )


def test_the_card_tells_name_introduction_prompts_settings_and_score(manifest):
    card = text(manifest, "README.md")
    for part in (
        "# 云上画师-可图Kolors训练-墨猫夜行记\n",
        manifest.introduction,
        "| [8](panels/8.png) | 墨韵，水墨风格，一只黑猫，第8幕 | 3 |",
        "负面提示词 / negative prompt: 模糊，变形",
        "| 强度 / strength (1.0 = as trained) | 0.8 |",
        f"| 尺寸 / size | {SIZE} x {SIZE} |",
        "6.5000 (mean of 8 panels, threshold 6.0",
        manifest.lora.sha256,
    ):
        assert part in card


def test_hugging_face_reads_its_card_as_that_of_a_lora_of_kolors(manifest):
    card = ModelCard(text(manifest, HUGGING_FACE_CARD))
    told = card.data.to_dict()
    assert told["license"] == "other"
    assert told["license_link"].endswith("/MODEL_LICENSE")
    assert told["library_name"] == "diffusers"
    assert told["base_model"] == "Kwai-Kolors/Kolors-diffusers"
    assert told["base_model_relation"] == "adapter"
    assert told["instance_prompt"] == "墨韵"
    assert told["tags"] == ["text-to-image", "diffusers", "lora", "template:sd-lora"]
    assert [widget["output"]["url"] for widget in told["widget"]] == [panel.file for panel in manifest.panels]
    assert [widget["text"] for widget in told["widget"]] == [panel.prompt for panel in manifest.panels]
    assert "<Gallery />" in card.text


def test_hugging_faces_card_of_the_embedded_base_claims_no_kolors(tmp_path):
    practice = manifest_of(tmp_path, base=MINI, rules=load_rules("practice"))
    card = texts_of(practice, load_rules("practice"))[HUGGING_FACE_CARD].decode()
    assert "Kolors" not in card
    assert ModelCard(card).data.license == "apache-2.0"


@pytest.mark.parametrize(
    "prompt", ['"quoted": a\\b', "---", "a\u2028b", "- item\n# no", "{{ m }}", "\x85\x07: !!x"]
)
def test_no_prompt_breaks_out_of_the_front_matter(manifest, prompt):
    panels = (manifest.panels[0].model_copy(update={"prompt": prompt}), *manifest.panels[1:])
    card = text(manifest.model_copy(update={"panels": panels}), HUGGING_FACE_CARD)
    assert ModelCard(card).data.to_dict()["widget"][0]["text"] == prompt


def test_the_card_tells_each_tool_the_scale_that_draws_as_strong_as_the_bundle(manifest):
    card = text(manifest, "README.md")
    for part in (
        "`LoraConfig(r=2, lora_alpha=3.2)`",
        "`load_lora(path, lora_alpha=1.6)`",
        '`set_adapters("ink", 0.8)`',
        "| ComfyUI-Kolors-MZ | `lora/ink.safetensors` | `strength_model = 0.8` |",
        "| `lora_alpha = 3.2` |",
    ):
        assert part in card


def test_the_card_tells_what_the_lora_says_of_its_training(manifest):
    lora = manifest.lora.model_copy(
        update={"notes": {"rank": "2", "ss_steps": "500", "learning_rate": "1e-4"}}
    )
    card = text(manifest.model_copy(update={"lora": lora}), "README.md")
    assert "## 训练 / Training" in card
    assert "| ss_steps | 500 |" in card
    assert "| rank | 2 |" not in card
    assert "## 训练 / Training" not in text(manifest, "README.md")


def test_every_file_that_the_card_points_to_is_in_the_bundle(manifest):
    card = text(manifest, "README.md")
    for name in ("mosaic-2x4.png", "settings.json", "NOTICE", *(panel.file for panel in manifest.panels)):
        assert name in card
        assert name in manifest.files


def test_marks_of_markdown_in_a_prompt_stay_inside_their_cell(manifest):
    first = manifest.panels[0].model_copy(update={"prompt": "a | b\nc <br> d"})
    odd = manifest.model_copy(update={"panels": (first, *manifest.panels[1:])})
    assert "| [1](panels/1.png) | a \\| b c &lt;br> d | 3 |\n" in text(odd, "README.md")


def test_braces_in_an_introduction_are_not_obeyed(manifest):
    odd = manifest.model_copy(update={"introduction": "{{ 7 * 7 }} {% raw %}"})
    assert "{{ 7 * 7 }} {% raw %}" in text(odd, "README.md")


def test_modelscope_finds_its_configuration(manifest):
    assert json.loads(text(manifest, "configuration.json")) == {
        "framework": "Pytorch",
        "task": "text-to-image-synthesis",
    }


def test_the_post_begins_with_the_contests_title(manifest):
    post = text(manifest, "post.txt")
    assert post.startswith("云上画师+LoRA模型链接地址+作品图（8图故事）\n")


def test_the_post_holds_name_introduction_and_prompts_and_nothing_that_is_to_be_done(manifest):
    post = text(manifest, "post.txt")
    for told in (manifest.name, manifest.introduction, *(one.prompt for one in manifest.panels)):
        assert told in post
    for told in ("发帖前", "发布于", "标题格式", "配图", "before you post", "天池平台报名队伍名称"):
        assert told not in post


def test_the_post_carries_the_link_once_there_is_one(manifest):
    linked = manifest.model_copy(update={"link": "https://modelscope.cn/models/team/ink"})
    post = text(linked, "post.txt")
    assert post.startswith("云上画师+https://modelscope.cn/models/team/ink+作品图（8图故事）\n")
    assert "https://modelscope.cn/models/team/ink" in post.splitlines()[2]


def test_the_notice_names_source_licence_change_and_restrictions(manifest):
    notice = text(manifest, "NOTICE")
    for part in (
        "https://github.com/Kwai-Kolors/Kolors",
        "MODEL_LICENSE",
        "3(a)",
        "3(b)",
        "registration",
        "was",
    ):
        assert part in notice


def test_a_card_of_the_embedded_base_claims_no_kolors(tmp_path):
    practice = manifest_of(tmp_path, base=MINI, candidate="base", rules=load_rules("practice"))
    card = texts_of(practice, load_rules("practice"))["README.md"].decode()
    assert "Kolors" not in card
    assert "| LoRA | 无 / none |" in card
    assert "**embedded base: not an entry for the contest, for practice**" in card


def test_the_texts_hold_no_blank_left_open(manifest):
    for name, data in texts_of(manifest, RULES).items():
        assert data.endswith(b"\n"), name
        assert b"\n\n\n" not in data, name
        assert b"\r" not in data, name


def test_captions_without_a_font_are_owned_up_to_in_the_card(tmp_path):
    story = STORY.replace("回家。", "回家 \U0001e900")
    run = make_scored_run(tmp_path / "work", story=story)
    report = pack(run, make_entry(tmp_path))
    assert any("panel numbers only" in note for note in report.notes)
    assert "panel numbers only: no font for the captions found" in unpack(report.path)["README.md"].decode()
