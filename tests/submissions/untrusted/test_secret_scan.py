import json
import subprocess
import sys

import pytest
from bundles import PATHS, TOKENS
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT

from kit.files.encodings import sha256_bytes
from submissions.untrusted.secret_scan import find_leaks

_ANY = "Zq3" * 20
UUID = "c1e8a4ea-36b5-4e62-b20a-" + "672b48361817"
LEAKS = (
    ("ModelScope token", f"ms-{UUID}".upper().replace("MS-", "ms-")),
    ("OpenAI key", "sk-" + _ANY[:48]),
    ("access token", "e2b_" + "0123456789abcdef" * 2 + "01234567"),
    ("OpenAI key", "sk-ant-api03-" + _ANY),
    ("OpenAI key", "sk-" + "0123456789abcdef" * 2),
    ("Hugging Face token", "api_org_" + _ANY[:34]),
    ("Hugging Face token", "hf_" + "\u200b".join(_ANY[:34])),
    ("Hugging Face token", "hf%5F" + _ANY[:34]),
    ("Hugging Face token", "hf&#95;" + _ANY[:34]),
    ("Hugging Face token", "令牌" + "hf_" + _ANY[:34]),
    ("Alibaba Cloud key", "LTAI5t" + _ANY[:18]),
    ("Tencent Cloud key", "AKID" + _ANY[:32]),
    ("Volcengine key", "AKLT" + _ANY[:40]),
    ("Baidu key", "bce-v3/ALTAK-" + _ANY[:21] + "/" + "0" * 40),
    ("Zhipu key", "0123456789abcdef" * 2 + "." + _ANY[:16]),
    ("GitHub token", "github_pat_" + _ANY),
    ("GitLab token", "glpat-" + _ANY[:20]),
    ("Slack token", "xox" + "b-123456789012-1234567890123-" + _ANY[:24]),
    ("webhook address", "https://hooks.slack.com/services/T0/B0/" + _ANY[:24]),
    ("webhook address", f"https://open.feishu.cn/open-apis/bot/v2/hook/{UUID}"),
    ("webhook address", "https://oapi.dingtalk.com/robot/send?access_token=" + _ANY),
    ("Google key", "AIza" + _ANY[:35]),
    ("Google key", "ya29." + _ANY),
    ("Stripe key", "sk_" + "live_" + _ANY[:24]),
    ("Twilio key", "SK" + "0123456789abcdef" * 2),
    ("SendGrid key", "SG." + _ANY[:22] + "." + _ANY[:43]),
    ("Telegram token", "123456789:AAH" + _ANY[:32]),
    ("Discord token", "MTA" + _ANY[:21] + "." + _ANY[:6] + "." + _ANY[:27]),
    ("JSON Web Token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3"),
    ("Shopify token", "shpat_" + "0123456789abcdef" * 2),
    ("age key", "AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0" * 4),
    ("access token", "npm_" + _ANY[:36]),
    ("access token", "r8_" + _ANY[:37]),
    ("access token", "gsk_" + _ANY[:48]),
    ("access token", "pypi-AgEIcHlwaS5vcmc" + _ANY),
    ("access token", "dop_v1_" + "0123456789abcdef" * 4),
    ("private key", "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----"),
    ("private key", "PuTTY-User-Key-File-2: ssh-rsa"),
    ("authorization header", "Authorization: Bearer " + _ANY[:40]),
    ("authorization header", "authorization: Basic dXNlcjpwYXNzd29yZDEyMw=="),
    ("authorization header", "Cookie: session=" + _ANY[:30]),
    ("address with a password", "https://me:hunter2horse@example.org/x"),
    ("address with a password", "postgres://me:hunter2@db/x"),
    ("address with a password", "redis://:hunter2hunter2@10.0.0.1:6379"),
    ("Azure key", "AccountKey=" + _ANY + "=="),
    ("Azure key", "?sv=2020-08-04&ss=b&sig=" + _ANY[:43] + "%3D"),
    ("password", "password: hunter2"),
    ("password", "DB_PASSWORD=hunter2"),
    ("password", "password = correcthorsebatterystaple"),
    ("password", "密码：hunter2hunter2"),
    ("password", "口令=hunter2x"),
    ("password", "登录密码是 abc12345"),
    ("password", "pwd：123456"),
    ("secret", "client_secret=abcdefgh12345678"),
    ("secret", "apiKey: abcdefgh12345678"),
    ("secret", '{"token": "abcdefgh12345678"}'),
    ("secret", "token => abcdefgh12345678"),
    ("secret", "token：abcdefgh12345678"),
    ("secret", "token=\nabcdefgh12345678"),
    ("secret", "aws_secret_access_key = wJalrXUtnFEMI7K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("tracking key", "wandb_key 0123456789abcdef0123456789abcdef01234567"),
    ("ModelScope token or an id", f"token: {UUID}"),
    ("ModelScope token or an id", f"MODELSCOPE_API_TOKEN={UUID}"),
    ("ModelScope token or an id", f"令牌 {UUID}"),
    ("ModelScope token or an id", f"api.login('{UUID}')"),
    ("e-mail address", "邮箱me@example.org请"),
    ("e-mail address", "me＠example.org"),
    ("e-mail address", "me [at] example.org"),
    ("e-mail address", "me@例子.中国"),
    ("e-mail address", "me@xn--fsqu00a.xn--fiqs8s"),
    ("e-mail address", '"me you"@example.org'),
    ("login address", "ssh anna@192.168.1.20"),
    ("phone number", "+86 138 0013 8000"),
    ("phone number", "手机：13800138000"),
    ("phone number", "call 138-0013-8000"),
    ("identity card number", "11010519491231002X"),
    ("account of a person", "QQ 123456789"),
    ("account of a person", "微信号：hello_world99"),
)
"""What must be found, under which name."""
HIDDEN_PATHS = (
    *PATHS,
    "放在/home/anna/data里",
    "path:/home/anna/x",
    "path=/mnt/workspace/x",
    "`/home/anna/x`",
    "(/Users/Anna Li/x)",
    "%2Fhome%2Fanna%2Fx",
    "／home／anna／x",
    "/数据/安娜/图",
    "/root/autodl-tmp/x",
    "图片在～ ~/loras/ink",
)
HARMLESS = (
    "https://modelscope.cn/models/team/ink",
    "男/女/老人/小孩",
    "男／女／老人／小孩",
    "风格：/水墨/油画",
    "style and/or mood, 1/2 light, 4x2, 24/7, ratios 16/9 and 9/16",
    "2024/07/01，日期：2024/07/01",
    "lora/ink.safetensors and panels/1.png",
    "a cat @ the bridge, ratio 16:9, (lantern:1.2), <lora:ink:0.8>",
    "by @wlop, @artist_name，画师@米山舞，小明@小红书",
    "icons 3x4@2x.png, cat@2x.webp, lora@v2.safetensors",
    "好可爱～，啦～/哈，风格~ink",
    "git@github.com:anna/ink.git and https://github.com/anna/ink",
    "https://example.org/home/anna/ and https://user.github.io:8080/a@2x.png",
    '"tokenizer": "chatglm", "tokens": 77, max_token_length: 225',
    "token: sks, trigger token: watercolor_style_2024_final, instance_token: ohwxinkstyle20240701",
    "sk-style, sk-ink-wash-painting-style-v2-2024, sk-watercolorillustrationstyle",
    "dreamshaperXL_v21TurboDPMSDE.safetensors, ip-adapter-plus-face_sdxl_vit-h.safetensors",
    "8d814ba79bc5571eb5bafd60f6a52b75f9e4ce9d4713d867659697b0877ac8b7",
    '{"key":"8d814ba79bc5571eb5bafd60f6a52b75f9e4ce9d4713d867659697b0877ac8b7"}',
    "commit 47d8236a1b2c3d4e5f60718293a4b5c6d7e8f901",
    f"运行编号 {UUID}",
    UUID.upper(),
    '"seed": 13800138000, "seed": 138001380001234567, seed=110105194912310021',
    "Password: required; the secret: a hidden garden; 密码是第3关的门，口令：芝麻开门，令牌在发光",
    "bearer of bad news 2024; the basic idea; a token of love: 2 rings",
    "QQ 2024，微信表情包 emoji_pack，微信公众号",
    "电话亭，1990年；phone booth, 1380 steps",
    "torch==2.12.1+cu130, version 1.1.9.0, openai/clip-vit-large-patch14",
    "civitai.com/models/123456?modelVersionId=987654, fal-ai/flux, jina-clip-v2, xai-style",
    "50mm/f1.4, 1/200 s, 1girl/solo, 100%/50%, ~3/4 of it, a / b / c",
    "</p> <br/> // comment, &amp; &lt;, %E5%9B%BE",
)


@pytest.mark.parametrize("name", TOKENS)
def test_a_secret_is_found_by_its_shape_and_not_repeated_whole(name):
    faults = find_leaks("README.md", f"first line\nsee {TOKENS[name]} there")
    assert [fault.place for fault in faults] == ["README.md, line 2"]
    assert name in faults[0].problem
    assert TOKENS[name] not in faults[0].problem


@pytest.mark.parametrize(("name", "text"), LEAKS)
def test_every_realistic_shape_of_a_secret_or_of_a_person_is_found(name, text):
    told = [fault.problem for fault in find_leaks("x", f"a text with {text} in it")]
    assert any(f" {name}: " in problem for problem in told), told


@pytest.mark.parametrize("path", HIDDEN_PATHS)
def test_a_path_of_a_computer_is_found(path):
    written = json.dumps({"file": path}, ensure_ascii=False)
    for text in (f"trained from {path}", written, written.replace("/", "\\/")):
        (fault,) = find_leaks("x", text)
        assert "path" in fault.problem
        assert fault.mend == "take it out, it names a folder of a computer"


@pytest.mark.parametrize("text", HARMLESS)
def test_what_belongs_in_a_bundle_is_no_leak(text):
    assert find_leaks("x", text) == []
    assert find_leaks("x", json.dumps({"text": text})) == []


@pytest.mark.parametrize("first", ["e2b6f229", "e2b", "dead", "ac", "acca", "fa1", "5ec2e7", "0000"])
@pytest.mark.parametrize(
    "form", ["1,panels/1.png,{},ok", '"unet": "{}"', '"tokenizer": "{}"', "x{}9", "sha256:{}"]
)
def test_a_checksum_is_no_token_whatever_it_begins_with(first, form):
    for length in (32, 40, 64):
        digest = (first + sha256_bytes(first.encode()))[:length]
        assert find_leaks("scores.csv", form.format(digest)) == []
        assert find_leaks("scores.csv", form.format(digest.upper())) == []


def test_an_id_beside_the_word_token_is_named_as_what_it_may_be():
    (fault,) = find_leaks("introduction", f"第一行\ntoken {UUID}")
    assert str(fault) == (
        "introduction, line 2: may hold a ModelScope token or an id: token c1…"
        " (take it out; if it is a token, revoke it)"
    )


HOSTILE = """
import resource
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
from submissions.untrusted.secret_scan import find_leaks
parts = ["\\\\", "~/", "eyJ", "a://a:", "sk-a1", "1", "a1", "@", "a@a.", "password:", "token is ",
         "-----BEGIN ", " ", "密码", "/aa", "/home", '"', "a [at] ", "%41", "bearer ", "wandb ", "api_key_",
         "／home", "MNO_aa."]
for part in parts:
    find_leaks("x", (part * (1 << 16))[: 1 << 16])
"""


def test_looking_for_leaks_takes_time_in_proportion_to_any_text():
    """Each of these texts would take minutes in squares."""
    done = subprocess.run([sys.executable, "-c", HOSTILE], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@given(st.text(max_size=400))
def test_looking_for_leaks_never_crashes(text):
    for fault in find_leaks("x", text):
        assert str(fault).isprintable()
