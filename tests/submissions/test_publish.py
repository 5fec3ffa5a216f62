import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from command import Answer, refused, said, tell, tree
from entries import MINI, make_entry, make_scored_run, repack, unpack
from nursery import PUBLISHING, bear
from upload_server import TOKEN, Hub, upload_hub

from kit.errors import PublishError
from kit.files.encodings import sha256_bytes
from kit.hub.modelscope import open_repository
from submissions.contest.rules import load_rules
from submissions.packing.pack import pack
from submissions.publish import publish, sound_bundle

PATH = "cloud/ink"
NAME = "云上画师-可图Kolors训练-墨猫夜行记"
INLINE = {"README.md", "configuration.json"}
"""What the SDK never stores as a blob."""
HASTY = {
    "MODELSCOPE_UPLOAD_LFS_FORCE_THRESHOLD": "0",
    "MODELSCOPE_UPLOAD_BLOB_MAX_ATTEMPTS": "1",
    "MODELSCOPE_UPLOAD_COMMIT_MAX_ATTEMPTS": "1",
    "MODELSCOPE_UPLOAD_RECOVERY_ENABLED": "false",
    "MODELSCOPE_UPLOAD_FAILED_FILE_MAX_RETRY_ROUNDS": "1",
    "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "1",
    "MODELSCOPE_API_MAX_RETRIES": "1",
}
"""The SDK stores all but INLINE as blobs and tries everything once."""


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An empty home with a token in the environment."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", TOKEN)
    for name in ("MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN", "MODELSCOPE_HOME", "MODELSCOPE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def hub(home, monkeypatch) -> Iterator[Hub]:
    state = Hub()
    with upload_hub(state) as address:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", address)
        yield state


def publish_alone(bundle: Path, folder: Path) -> Answer:
    """Publish in a process of its own, which is hasty and whose temporary files go to a folder."""
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**HASTY, "TMPDIR": str(folder)}.items():
            patch.setenv(name, value)
        process = bear(["publish", str(bundle), "--to", PATH], PUBLISHING)
    with closing(process):
        out, err = process.communicate()
        assert TOKEN not in out + err
        return Answer(process.wait(), out, err)


def held_of(hub: Hub, files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in hub.repositories[PATH].items() if path in files}


def test_a_bundle_goes_to_a_public_repository_that_is_made_with_the_entrys_name(hub, home, bundle):
    files = unpack(bundle)
    told = said("publish", bundle, "--to", PATH)
    page, count = f"{os.environ['MODELSCOPE_ENDPOINT']}/models/{PATH}", len(files)
    assert told == f"page    {page}  ({count} of {count} files written, all are there)\n"
    assert [(wish["ChineseName"], wish["Visibility"]) for wish in hub.made] == [(NAME, 5)]
    assert held_of(hub, files) == files
    assert ".gitattributes" in hub.repositories[PATH]
    assert tree(home) == {}


def test_a_new_repository_is_private_on_demand(hub, bundle):
    said("publish", bundle, "--to", PATH, "--private")
    assert [wish["Visibility"] for wish in hub.made] == [1]


def test_other_files_of_a_repository_are_left_alone_and_its_name_is_pointed_out(hub, bundle):
    hub.repositories[PATH] = {"mine.txt": b"mine", "README.md": b"old"}
    assert f"note    the page was there: its name must be {NAME}\n" in said("publish", bundle, "--to", PATH)
    assert hub.made == []
    assert hub.repositories[PATH] == {"mine.txt": b"mine", **unpack(bundle)}


def test_publishing_again_sends_nothing(hub, bundle):
    said("publish", bundle, "--to", PATH)
    hub.asked.clear()
    told = said("publish", bundle, "--to", PATH)
    assert f"(0 of {len(unpack(bundle))} files written, all are there)" in told
    assert {asked.split()[0] for asked in hub.asked} == {"GET"}


def test_what_was_verified_is_what_is_sent_whatever_happens_to_the_file(hub, bundle):
    files = unpack(bundle)
    with open_repository(PATH, TOKEN) as repository:
        checked = sound_bundle(bundle)
        bundle.write_bytes(b"another file")
        publish(checked, repository, private=False)
    assert held_of(hub, files) == files


def test_only_what_changed_is_sent_again(hub, bundle):
    said("publish", bundle, "--to", PATH)
    hub.repositories[PATH]["post.txt"] = b"another"
    hub.committed.clear()
    said("publish", bundle, "--to", PATH)
    assert hub.committed == ["post.txt"]


def test_a_broken_upload_is_one_error_and_the_same_command_sends_only_the_rest(hub, home, bundle, tmp_path):
    taken = 5
    files = unpack(bundle)
    blobs = {sha256_bytes(data) for name, data in files.items() if name not in INLINE}
    hub.repositories[PATH] = {}
    hub.breaks_after = taken
    broken = publish_alone(bundle, tmp_path / "scratch")
    assert (broken.code, broken.out, broken.err.count("\n")) == (1, "", 1)
    assert broken.err.endswith("; run the same command again, it goes on\n")
    assert len(hub.arrived) == taken
    hub.breaks_after = None
    rest = publish_alone(bundle, tmp_path / "scratch")
    assert (rest.code, rest.err) == (0, "")
    assert sorted(hub.arrived) == sorted(blobs)
    assert held_of(hub, files) == files
    assert (tree(home), tree(tmp_path / "scratch")) == ({}, {})


def test_a_hub_that_is_not_there_is_one_error(home, bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    answer = publish_alone(bundle, tmp_path / "scratch")
    assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1)
    assert f"{PATH} could not be published: " in answer.err
    assert "run the same command again" in answer.err


def test_a_dry_run_shows_what_would_go_where_and_needs_neither_network_nor_token(home, bundle, monkeypatch):
    monkeypatch.delenv("MODELSCOPE_API_TOKEN")
    files = unpack(bundle)
    page, name, *listed, total = said("publish", bundle, "--to", PATH, "--dry-run").splitlines()
    assert page == f"page    https://modelscope.cn/models/{PATH}"
    assert name == f"name    {NAME}"
    assert listed == [f"file    {file}  {len(data):,} bytes" for file, data in files.items()]
    total_bytes = sum(map(len, files.values()))
    assert total == f"total   {len(files)} files, {total_bytes:,} bytes; nothing was sent"
    assert tree(home) == {}


def test_a_dry_run_asks_the_hub_nothing(hub, bundle):
    said("publish", bundle, "--to", PATH, "--dry-run")
    assert hub.asked == []


def test_a_token_that_the_hub_does_not_know_is_named_by_its_place_only(hub, bundle, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "ms-wrong")
    reason = refused("publish", bundle, "--to", PATH)
    assert "the token in MODELSCOPE_API_TOKEN must be allowed to write there" in reason
    assert "Bearer *** is no token" in reason
    assert "ms-wrong" not in reason


@pytest.mark.parametrize("there", [True, False])
def test_a_token_that_may_only_read_is_refused_with_the_hubs_words(hub, bundle, there):
    hub.repositories |= {PATH: {}} if there else {}
    hub.denies = f"no write permission\x1b[31m for {TOKEN}"
    reason = refused("publish", bundle, "--to", PATH)
    assert r"no write permission\x1b[31m for ***" in reason
    assert TOKEN not in reason
    assert hub.repositories.get(PATH, {}) == {}


def test_a_repository_that_only_others_see_is_refused(hub, bundle):
    hub.repositories[PATH] = {}
    with (
        open_repository(PATH, TOKEN) as repository,
        pytest.raises(PublishError, match="must be allowed to write"),
    ):
        repository.create(NAME, private=True)


@pytest.mark.parametrize("token", ["", "  "])
def test_a_missing_token_is_one_error_before_anything_is_asked(hub, bundle, monkeypatch, token):
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", token)
    reason = refused("publish", bundle, "--to", PATH)
    assert reason == (
        "publishing needs your access token: copy it from https://modelscope.cn/my/myaccesstoken, type "
        "`export MODELSCOPE_API_TOKEN=` with it behind the sign, and publish again"
    )
    assert hub.asked == []


def test_every_file_that_did_not_arrive_as_it_was_is_named(hub, bundle):
    size = len(unpack(bundle)["NOTICE"])
    hub.loses = frozenset({"panels/3.png"})
    hub.changes = {"NOTICE": {"Size": size + 1}, "lora/ink.safetensors": {"Sha256": "0" * 64}}
    reason = refused("publish", bundle, "--to", PATH)
    assert f"/models/{PATH} must hold the bundle, 3 faults: " in reason
    assert "panels/3.png: did not arrive" in reason
    assert f"NOTICE: must have {size} bytes, the hub has {size + 1}" in reason
    assert "lora/ink.safetensors: has another sha256 on the hub" in reason
    assert reason.endswith("; run the command again")


def test_a_hub_that_tells_no_sha256_is_held_to_the_sizes(hub, bundle):
    hub.changes = {name: {"Sha256": ""} for name in unpack(bundle)}
    assert "all are there" in said("publish", bundle, "--to", PATH)


def test_a_faulty_bundle_is_refused_with_all_its_faults_before_anything_is_asked(hub, bundle):
    repack(bundle, lambda files: files.update({"NOTICE": b"changed", "post.txt": b"changed"}))
    answer = tell("publish", bundle, "--to", PATH)
    first, *faults = answer.err.splitlines()
    assert (answer.code, answer.out) == (1, "")
    assert first == f"Error: entry.zip cannot be published, {len(faults)} faults:"
    assert {"NOTICE", "post.txt"} <= {fault.strip().split(": ")[0] for fault in faults}
    assert hub.asked == []


def test_a_bundle_is_held_to_the_rules_that_are_given(hub, bundle):
    assert "cannot be published" in tell("publish", bundle, "--to", PATH, "--rules", "practice").err
    assert hub.asked == []


def test_a_practice_bundle_is_published_with_its_notice_and_not_for_the_contest(hub, tmp_path):
    entry = make_entry(tmp_path, rules=load_rules("practice"))
    path = pack(make_scored_run(tmp_path / "work", base=MINI), entry).path
    notice = "embedded base: not an entry for the contest, for practice"
    assert notice in tell("publish", path, "--to", PATH, "--rules", "kolors-2024").err
    assert hub.asked == []
    assert said("publish", path, "--to", PATH).startswith(f"note    {notice}\n")
    assert held_of(hub, unpack(path)) == unpack(path)


def test_what_is_no_bundle_is_refused(hub, tmp_path):
    (tmp_path / "entry.zip").write_bytes(b"no zip")
    assert "is damaged or not a zip" in refused("publish", tmp_path / "entry.zip", "--to", PATH)
    assert tell("publish", tmp_path / "entry.zip").code == 2
