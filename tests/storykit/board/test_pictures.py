import io
import json

import pytest
from made_run import Plan
from made_run import make_run as made_run
from PIL import Image
from served_board import board_client

from kit.images.thumbnails import thumbnail_path


@pytest.fixture
def run(tmp_path):
    return made_run(tmp_path / "rain", Plan())


def test_a_picture_is_reduced_once_and_never_changes(run) -> None:
    row = run.rows()[0]
    client = board_client(run.folder.parents[1])
    answer = client.get("/picture", params={"run": "rain/run", "sha256": row.sha256, "side": 320})
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    assert max(Image.open(io.BytesIO(answer.content)).size) <= 320
    assert thumbnail_path(run.folder, row.sha256, 320).read_bytes() == answer.content
    (run.folder / row.file).unlink()
    again = client.get("/picture", params={"run": "rain/run", "sha256": row.sha256, "side": 320})
    assert again.content == answer.content


def test_a_picture_can_be_had_as_it_was_drawn(run) -> None:
    row = run.rows()[0]
    answer = board_client(run.folder.parents[1]).get(
        "/picture", params={"run": "rain/run", "sha256": row.sha256}
    )
    assert answer.content == (run.folder / row.file).read_bytes()


@pytest.mark.parametrize("side", ["1", "4096", "-1", "x"])
def test_other_sides_are_not_made(run, side) -> None:
    told = {"run": "rain/run", "sha256": run.rows()[0].sha256, "side": side}
    assert board_client(run.folder.parents[1]).get("/picture", params=told).status_code in (404, 422)


@pytest.mark.parametrize("sha256", ["", "0" * 64, "../../secret", "..%2f..%2fsecret"])
def test_a_picture_that_is_not_the_runs_is_not_there(run, sha256) -> None:
    told = {"run": "rain/run", "sha256": sha256, "side": 320}
    assert board_client(run.folder.parents[1]).get("/picture", params=told).status_code == 404


def test_a_row_whose_checksum_is_a_path_writes_nothing(run) -> None:
    lines = run.rows_path.read_text().splitlines()
    row = json.loads(lines[0]) | {"sha256": "../../../stolen"}
    run.rows_path.write_text("\n".join([json.dumps(row), *lines[1:]]) + "\n")
    told = {"run": "rain/run", "sha256": "../../../stolen", "side": 320}
    assert board_client(run.folder.parents[1]).get("/picture", params=told).status_code == 404
    assert not list(run.folder.parents[1].rglob("stolen*"))


def test_a_picture_that_is_none_is_not_there(run) -> None:
    row = run.rows()[0]
    (run.folder / row.file).write_bytes(b"<svg onload=alert(1)>")
    told = {"run": "rain/run", "sha256": row.sha256, "side": 320}
    assert board_client(run.folder.parents[1]).get("/picture", params=told).status_code == 404
