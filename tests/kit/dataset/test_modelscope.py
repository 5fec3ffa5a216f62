import csv
import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from command import PATIENCE_S
from fakes import fake_picture
from hub_server import Handler, hub, serving


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))


def picture_bytes(key: str) -> bytes:
    file = BytesIO()
    fake_picture(key, 48).save(file, "PNG")
    return file.getvalue()


class Refusing(Handler):
    def do_GET(self) -> None:
        self.answer_json({"Code": 10010205001, "Success": False, "Message": "no such dataset"}, 404)


def prepared_from(address: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Prepare owner/name from a hub on this machine."""
    environment = {
        **os.environ,
        "MODELSCOPE_ENDPOINT": address,
        "MODELSCOPE_CACHE": str(folder / "ms"),
        "STORYKIT_MODELS": str(folder / "cache"),
    }
    words = f"-m storykit dataset prepare owner/name --out {folder}/data".split()
    call = [sys.executable, *words]
    return subprocess.run(
        call, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


@pytest.mark.parametrize(
    "told",
    [
        {"train/a.txt": "小猫".encode(), "train/b.txt": b"a dog"},
        {"train/metadata.csv": "file_name,text\na.png,小猫\nb.PNG,a dog\n".encode()},
    ],
    ids=["texts", "table"],
)
def test_a_dataset_of_modelscope_is_fetched_and_prepared(tmp_path, told):
    pictures = {"train/a.png": picture_bytes("a"), "train/b.PNG": picture_bytes("b")}
    files = {**pictures, **told, "weights.bin": b"not wanted", "README.md": b"# about"}
    with hub(files) as address:
        done = prepared_from(address, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "kept    2 of 2 pictures" in done.stdout
    assert [row[1] for row in rows(tmp_path / "data" / "train" / "metadata.csv")[1:]] == ["小猫", "a dog"]
    assert not (tmp_path / "cache" / "datasets" / "owner" / "name" / "weights.bin").exists()
    assert json.loads((tmp_path / "data" / "dataset.json").read_text())["settings"]["source"] == "owner/name"


def test_a_dataset_without_picture_files_says_how_to_fetch_it_by_hand(tmp_path):
    with hub({"data/train.parquet": b"PAR1"}) as address:
        done = prepared_from(address, tmp_path)
    assert done.returncode == 1
    assert "owner/name: must hold picture files, got data/train.parquet" in done.stderr
    assert "modelscope download --dataset owner/name --local_dir FOLDER" in done.stderr


def test_a_dataset_that_the_hub_does_not_have_is_one_line(tmp_path):
    with serving(Refusing) as address:
        done = prepared_from(address, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "owner/name: is no folder or file here, and could not be fetched from ModelScope" in done.stderr
    assert "Traceback" not in done.stderr
