import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.files.text.delimited_text import rows_of

CELLS = st.text(st.sampled_from('ab, ;"\n\r\t小，'), max_size=6)


def told(text: str, delimiter: str = ",") -> list[object]:
    """Return each row's cells, or its line and fault."""
    return [(row.line, row.fault) if row.fault else row.cells for row in rows_of(text, delimiter)]


@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=5), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_the_csv_module_writes_is_read_back_whatever_ends_its_lines(rows, end):
    file = io.StringIO()
    csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    full = [tuple(row) for row in rows if any(cell.strip() for cell in row)]
    assert told(file.getvalue()) == full


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_no_other_sign_ends_a_line(sign):
    assert told(f"a,b{sign}c\nd,e") == [("a", f"b{sign}c"), ("d", "e")]


OPEN = "a quote opens and is not closed"
ENDS = "a quote opens and closes before its cell ends"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('a,"b\nc,d', [(1, OPEN), ("c", "d")]),
        ('a,"b\r1.png,d\re,f"\rg,h', [(1, OPEN), ("1.png", "d"), ("e", 'f"'), ("g", "h")]),
        ('a,"b\n\nc"\nd,"e', [("a", "b\n\nc"), (4, OPEN)]),
        ('a,"b\nc","d\n1,2', [(2, OPEN), ("1", "2")]),
        ('a,"b "c" d"\n1,2', [(1, ENDS), ("1", "2")]),
        ('a,"b\\"c"\n1,2', [(1, ENDS), ("1", "2")]),
        ('a,"b""c"\n', [("a", 'b"c')]),
        ('a, "b, c" \n', [("a", "b, c")]),
        ('a,b "c" d\n', [("a", 'b "c" d')]),
        ("\n\n,,\n \na,b", [("a", "b")]),
        ("", []),
        ('"', [(1, OPEN)]),
    ],
)
def test_a_row_with_wrong_quotes_is_a_fault_of_that_row_alone(text, rows):
    found = told(text)
    assert len(found) == len(rows)
    for one, wanted in zip(found, rows, strict=True):
        same = (
            one[0] == wanted[0] and str(one[1]).startswith(str(wanted[1]))
            if isinstance(wanted[0], int)
            else one == wanted
        )
        assert same, (one, wanted)


def test_a_cell_may_be_of_any_size():
    assert told(f'a,"{"x" * 300_000}"\nb,{"y" * 300_000}') == [("a", "x" * 300_000), ("b", "y" * 300_000)]
