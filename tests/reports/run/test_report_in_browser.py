import base64
import hashlib
import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path

import pytest
from command import PATIENCE_S
from made_run import Plan, make_run, page_of, write_made_up_comparison, write_made_up_scores

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

PROBE = """
const faults = [];
document.addEventListener("securitypolicyviolation", (event) => faults.push("blocked " + event.blockedURI));
addEventListener("error", (event) => faults.push("failed " + (event.message || event.target.tagName)), true);
addEventListener("load", () => {
  const pictures = [...document.querySelectorAll("main img")];
  const box = document.getElementById("lightbox");
  const press = (key) => box.dispatchEvent(new KeyboardEvent("keydown", { key }));
  const shots = document.querySelectorAll(".shot");
  shots[0].click();
  const opened = box.open && box.querySelector("img").src === shots[0].querySelector("img").src;
  press("ArrowRight");
  const title = box.querySelector(".box-title").textContent;
  press("ArrowDown");
  const across = box.querySelector(".box-title").textContent;
  box.querySelector(".box-close").click();
  const wide = [...document.querySelectorAll("main *")].filter(
    (one) => !one.closest("svg") && one.getBoundingClientRect().right > innerWidth + 0.5);
  parent.document.body.dataset.probe = JSON.stringify({
    width: innerWidth,
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    wide: wide.map((one) => one.className || one.tagName),
    pictures: pictures.length,
    empty: pictures.filter((one) => !one.naturalWidth).length,
    opened, title, across, closed: !box.open, faults,
  });
});
"""


def probed(page: str, folder: Path, width: int) -> dict[str, object]:
    """Return what the probe measures in headless Chromium, the page's own security policy in force."""
    digest = base64.b64encode(hashlib.sha256(PROBE.encode()).digest()).decode()
    page = page.replace("script-src ", f"script-src 'sha256-{digest}' ").replace(' loading="lazy"', "")
    page = page.replace("<style>", f"<script>{PROBE}</script><style>", 1).replace("<details", "<details open")
    inner = f'<iframe srcdoc="{escape(page)}" style="width: {width}px; height: 2000px; border: 0"></iframe>'
    outer = folder / "probed.html"
    outer.write_text(f"<!doctype html><meta charset=utf-8><body>{inner}</body>", encoding="utf-8")
    switches = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
    switches += (
        f" disable-component-update disable-sync dump-dom hide-scrollbars user-data-dir={folder / 'profile'}"
    )
    command = [str(CHROMIUM), *(f"--{switch}" for switch in switches.split()), outer.as_uri()]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
    found = re.search(r'data-probe="([^"]*)"', dumped)
    assert found, "the page did not finish loading"
    told: dict[str, object] = json.loads(unescape(found[1]))
    return told


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_every_picture_without_overflow_and_opens_them_large(
    tmp_path: Path, width: int
) -> None:
    run = make_run(tmp_path / "made", Plan(seeds=(0, 1, 2, 3, 4, 5)))
    write_made_up_scores(run)
    write_made_up_comparison(run, ["a", "a", "tied", "tied"], 6)
    told = probed(page_of(run), tmp_path, width)
    assert told["width"] == width
    assert (told["overflow"], told["wide"]) == (0, [])
    assert (told["pictures"], told["empty"]) == (2 * 6 * 8 + 2, 0)
    assert (told["opened"], told["closed"]) == (True, True)
    assert str(told["title"]).startswith("base ")
    assert str(told["title"]).endswith("第 2 格")
    assert str(told["across"]) == str(told["title"]).replace("base", "ink")
    assert told["faults"] == []
