"""An environment in which no request can be sent is named before one is tried."""

import getpass
from pathlib import Path

import pytest

from kit.errors import PublishError, WeightsError
from kit.hub.network import check_network
from kit.hub.repository import models_folder
from kit.library_warnings import name_user

SOCKS = "socks5h://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("all_proxy", "https_proxy", "http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.setattr("kit.hub.network.find_spec", lambda name: None)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"ALL_PROXY": SOCKS},
            r'a SOCKS proxy needs PySocks: pip install "requests\[socks\]"; or unset ALL_PROXY',
        ),
        ({"HTTPS_PROXY": SOCKS}, "a SOCKS proxy needs PySocks"),
        ({"https_proxy": "socks4://127.0.0.1:1"}, "a SOCKS proxy needs PySocks"),
        (
            {"HF_ENDPOINT": "hf-mirror.com"},
            "HF_ENDPOINT must begin with https://, got 'hf-mirror.com'; set it to https",
        ),
        ({"HF_ENDPOINT": "ftp://hf-mirror.com"}, "HF_ENDPOINT must begin with https://"),
    ],
)
def test_what_another_try_cannot_mend_is_told(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PublishError, match=told):
        check_network("HF_ENDPOINT", "huggingface.co")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HTTPS_PROXY": "http://127.0.0.1:7890"},
        {"HTTPS_PROXY": "127.0.0.1:7890"},
        {"HTTP_PROXY": SOCKS},
        {"ALL_PROXY": SOCKS, "HTTPS_PROXY": "http://127.0.0.1:7890"},
        {"ALL_PROXY": SOCKS, "NO_PROXY": "huggingface.co"},
        {"HF_ENDPOINT": "https://hf-mirror.com"},
        {"HF_ENDPOINT": "http://localhost:8080/"},
    ],
)
def test_an_environment_that_works_passes(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    check_network("HF_ENDPOINT", "huggingface.co")


def test_a_user_without_a_name_or_a_home_gets_what_libraries_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("STORYKIT_MODELS", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 54321)
    monkeypatch.setenv("HOME", "~")
    name_user()
    assert (Path.home(), getpass.getuser()) == (Path("/nonexistent"), "user-54321")
    with pytest.raises(WeightsError, match="set STORYKIT_MODELS"):
        models_folder()


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.delenv("STORYKIT_MODELS", raising=False)
    with pytest.raises(WeightsError, match="set STORYKIT_MODELS"):
        models_folder()
    with pytest.raises(PublishError, match="HOME must name a folder"):
        check_network("HF_ENDPOINT", "huggingface.co")
