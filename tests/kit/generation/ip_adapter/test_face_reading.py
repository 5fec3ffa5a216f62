"""Kolors drawn after faces is what Kolors' own code makes of the same weights, as its facts are told."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
from diffusers_twin import ATTENTION_EPS, EXACT, SAME
from fakes import TOY_PROMPTS
from painting import NEGATIVE, painted
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from kit.errors import InputError, WeightsError
from kit.experiment.drawing.draw_settings import DrawSettings
from kit.generation.ip_adapter.faces import FaceAnalyser
from kit.generation.ip_adapter.picture_attention import looking
from kit.generation.ip_adapter.picture_reading import KolorsPictures
from kit.generation.kolors.denoiser import Denoiser
from kit.generation.kolors.kolors_painter import KolorsPainter
from kit.generation.painter import PanelRequest, RedrawRequest
from kit.images.png_metadata import encoded
from kit.models.base import load_base
from kit.models.ip_adapter.adapter_files import DETECTOR, open_ip_adapter
from tests.support.faces_by_hand import faces_by_hand
from tests.support.kolors_ip_adapters import (
    FACE_ENCODER,
    FACE_WEIGHTS,
    kolors_adapter,
    kolors_face_adapter,
    prompted,
    prompted_face,
    write_face_adapter,
)
from tests.support.published_toy import SIZES, toy_published
from tests.support.random_adapters import VISION

HOW = DrawSettings(steps=1, cfg=4.0, size=64, noise="portable")
TOKENS = 6


def request(seed: int, *pictures: object) -> PanelRequest:
    return PanelRequest(
        prompt=TOY_PROMPTS[seed], negative=NEGATIVE, seed=seed, image_prompts=pictures, label=f"panel {seed}"
    )


@pytest.fixture(scope="module")
def painter() -> KolorsPainter:
    return KolorsPainter(load_base(toy_published()), "cpu")


def their_tokens(panels: Sequence[PanelRequest]) -> Tensor:
    """Return the tokens of wanted and unwanted rows, (B, tokens, pooled), as Kolors' pipeline makes them."""
    tensors = torch.load(kolors_face_adapter() / FACE_WEIGHTS)["image_proj"]
    encoder = CLIPVisionModelWithProjection.from_pretrained(kolors_face_adapter() / FACE_ENCODER, dtype=EXACT)
    prepare = CLIPImageProcessor(size=VISION.image_size, crop_size=VISION.image_size)
    rows = []
    for panel in panels:
        picture = panel.image_prompts[0].picture()
        face = FaceAnalyser(open_ip_adapter(kolors_face_adapter()).analyser).largest(picture)
        left, top, right, bottom = face.box
        middle, half = ((left + right) / 2, (top + bottom) / 2), max(right - left, bottom - top) / 2
        square = (middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half)
        crop = picture.crop(square).resize((VISION.image_size, VISION.image_size))
        pixels = prepare(images=[crop], return_tensors="pt").pixel_values.to(EXACT)
        seen = encoder(pixels, output_hidden_states=True).hidden_states[-2]
        rows.append((seen, torch.from_numpy(face.embedding[None]).to(EXACT)))
    rows += [(torch.zeros_like(seen), torch.zeros_like(whose)) for seen, whose in rows]
    return torch.cat([faces_by_hand(tensors, seen, whose) for seen, whose in rows])


def their_unet(weight: float) -> UNet2DConditionModel:
    """Return diffusers' UNet whose attentions have the adapter's keys and values beside their own."""
    unet = UNet2DConditionModel.from_pretrained(toy_published() / "unet", torch_dtype=EXACT).eval()
    for name, layer in unet.named_modules():
        if isinstance(layer, nn.GroupNorm) and ".attentions." in name:
            layer.eps = ATTENTION_EPS
    own = torch.load(kolors_face_adapter() / FACE_WEIGHTS)["adapter_modules"]
    processors = dict(unet.attn_processors)
    for number, name in enumerate(processors):
        if name.endswith("attn2.processor"):
            key, value = (own[f"{number}.to_{part}_ip.weight"] for part in "kv")
            made = IPAdapterAttnProcessor2_0(len(key), key.shape[1], num_tokens=[TOKENS], scale=[weight])
            made.load_state_dict({"to_k_ip.0.weight": key, "to_v_ip.0.weight": value})
            processors[name] = made.to(EXACT)
    unet.set_attn_processor(processors)
    return unet


def test_the_unet_predicts_what_kolors_own_code_predicts_of_the_same_faces():
    panels = [request(0, prompted_face(255)), request(1, prompted_face(170))]
    chance = torch.Generator().manual_seed(9)
    rows = torch.randn(4, 4, 8, 8, generator=chance, dtype=EXACT)
    text = torch.randn(4, 12, SIZES.unet.pooled, generator=chance, dtype=EXACT)
    pooled = torch.randn(4, SIZES.unet.pooled, generator=chance, dtype=EXACT)
    engine, step = Denoiser(load_base(toy_published()).unet(dtype=EXACT)), torch.tensor([500])
    with torch.inference_mode():
        engine.set_text(text)
        bare = engine.at(step, pooled)(rows)
        with looking(
            engine.lookers, KolorsPictures("cpu").prompted(panels, 2, range(1), engine, "auto")
        ) as look:
            look(0, len(rows))
            ours = engine.at(step, pooled)(rows)
        ids = torch.tensor([[64, 64, 0, 0, 64, 64]] * 4)
        with warnings.catch_warnings(action="ignore"):  # diffusers wants tokens apart, Kolors has them behind
            theirs = their_unet(0.8)(
                rows, step, torch.cat([text, their_tokens(panels)], dim=1),
                added_cond_kwargs={"text_embeds": pooled, "time_ids": ids},
            ).sample  # fmt: skip
    assert (ours - theirs).abs().max() <= SAME
    assert (ours - bare).abs().max() > 0.01 * bare.std()


def test_a_panel_is_drawn_after_a_face_and_another_face_draws_another(painter):
    asked = [request(0), request(0, prompted_face(255)), request(0, prompted_face(170))]
    assert len({one.tobytes() for one in painted(painter, asked, HOW)}) == 3
    both = request(0, prompted_face(255), prompted_face(170))
    assert np.abs(painted(painter, [both], HOW)[0] - painted(painter, asked[:1], HOW)[0]).max() > 1


def test_a_picture_without_a_face_is_refused_in_a_line_before_anything_is_drawn(painter):
    faceless = replace(prompted_face(255), png=encoded(Image.new("RGB", (160, 160))))
    asked = [request(0, prompted_face(255)), request(1, faceless)]
    for refuse in (lambda: painter.plan_batches(asked, HOW), lambda: painted(painter, asked, HOW)):
        with pytest.raises(
            InputError, match="there is no face in the picture of '女孩': take one that shows it"
        ):
            refuse()
    whole = replace(faceless, record=prompted(0).record, folder=kolors_adapter())
    assert painted(painter, [request(1, whole)], HOW), "the whole picture needs none"


def test_an_adapter_that_reads_something_else_than_it_was_named_for_is_told(painter):
    whole, face = prompted(0), prompted_face(255)
    cases = {
        r'FaceID-Plus reads faces: name it as face = "…"': replace(face, record=whole.record),
        r'Plus reads whole pictures: name it as folder = "…"': replace(whole, record=face.record),
    }
    for told, prompt in cases.items():
        with pytest.raises(InputError, match=told):
            painter.plan_batches([request(0, prompt)], HOW)


def test_a_face_is_read_anew_for_a_unet_that_projects_texts_otherwise(painter):
    panel, pictures = request(0, prompted_face(255)), painter._networks.pictures
    [found] = painted(painter, [panel], HOW)
    before = {by for by, _ in pictures._read}
    again = RedrawRequest(
        request=panel, picture=Image.fromarray(found.astype(np.uint8)), strength=0.8,
        mask=Image.new("L", (64, 64), 255), inpainting=painter.inpainting,
    )  # fmt: skip
    painter.redraw([again], HOW)
    assert len({by for by, _ in pictures._read} - before) == 1
    assert np.array_equal(painted(painter, [panel], HOW)[0], found)
    assert len({by for by, _ in pictures._read} - before) == 1, "what was read before is not read again"


def test_an_adapter_for_faces_without_what_finds_them_says_what_is_missing_and_where(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    folder = write_face_adapter(tmp_path / "FaceID", SIZES.unet, 1)
    (folder / "antelopev2" / DETECTOR).unlink()
    with pytest.raises(WeightsError) as refused:
        open_ip_adapter(folder)
    told = str(refused.value)
    assert "needs scrfd_10g_bnkps.onnx, glintr100.onnx of insightface's antelopev2: put them into" in told
    assert told.endswith("their licence is for research alone")


def test_the_adapter_is_known_by_what_finds_faces_too(tmp_path):
    folder = write_face_adapter(tmp_path / "FaceID", SIZES.unet, 1)
    before, detector = open_ip_adapter(folder).identity, folder / "antelopev2" / DETECTOR
    detector.write_bytes(detector.read_bytes() + b"\0")
    for record in folder.rglob("storykit.json"):
        record.unlink()
    assert open_ip_adapter(folder).identity != before
