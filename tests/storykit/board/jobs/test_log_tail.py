import os

import pytest

from storykit.board.jobs.log_tail import last_lines

LOGS = {
    "nothing": (b"", []),
    "lines": (b"one\ntwo\n", ["one", "two"]),
    "a line that is not over yet": (b"one\ntw", ["one", "tw"]),
    "empty lines": (b"one\n\n  \ntwo\n\n", ["one", "two"]),
    "colours": (b"\x1b[31mred\x1b[0m and \x1b[1;32mgreen\x1b[m\n", ["red and green"]),
    "a title and a link": (b"\x1b]0;mine\x07shown \x1b]8;;http://x\x1b\\here\n", ["shown here"]),
    "places": (b"\x1b[2J\x1b[10;1Hshown\x1b[K\n", ["shown"]),
    "a bar": (b" 10%\r 50%\r100%\rloaded\n", ["loaded"]),
    "a bar that ends with its return": (b" 10%\r100%\r\n", ["100%"]),
    "lines of windows": (b"one\r\ntwo\r\n", ["one", "two"]),
    "no text": (b"\xff\xfe\x80one\n", ["\ufffd\ufffd\ufffdone"]),
    "other marks": (b"a\x00b\x07c\x1b", ["a\\x00b\\x07c\\x1b"]),
    "marks that turn text": ("a\u202eb".encode(), ["a\\u202eb"]),
    "letters": ("已画 8 格\n".encode(), ["已画 8 格"]),
    "markup": (b"<script>alert(1)</script>\n", ["<script>alert(1)</script>"]),
}


@pytest.mark.parametrize("kind", LOGS)
def test_the_last_lines_are_shown_without_what_a_terminal_obeys(kind, tmp_path):
    data, shown = LOGS[kind]
    (tmp_path / "log.txt").write_bytes(data)
    assert last_lines(tmp_path / "log.txt") == shown


def test_of_a_long_log_only_the_end_is_read(tmp_path):
    log = tmp_path / "log.txt"
    log.write_bytes(b"".join(b"%d\n" % number for number in range(1_000_000)))
    assert last_lines(log, 2) == ["999998", "999999"]


def test_a_line_without_end_is_cut(tmp_path):
    log = tmp_path / "log.txt"
    log.write_bytes(b"a" * 10_000_000)
    (line,) = last_lines(log)
    assert len(line) == 500


def test_a_log_that_is_a_link_or_a_pipe_or_gone_has_no_lines(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    assert [last_lines(tmp_path / name) for name in ("link", "pipe", "gone", ".")] == [[]] * 4
