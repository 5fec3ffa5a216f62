import re

import pytest

from kit.models.merging.shares import Shares, checked_share, parse_blocks


def test_blocks_and_ranges_have_their_shares():
    shares = parse_blocks("input4=0.7,middle1=0.2,output0-5=1,out=0,time_embed=0")
    assert shares == {
        "input4": 0.7, "middle1": 0.2, **dict.fromkeys((f"output{n}" for n in range(6)), 1.0),
        "out": 0.0, "time_embed": 0.0,
    }  # fmt: skip
    whole = Shares(base=0.3, blocks=shares)
    assert (whole.of("input4"), whole.of("input5"), whole.of("")) == (0.7, 0.3, 0.3)


@pytest.mark.parametrize(
    "text", [" input4 = 0.7 , input11=1", "input4=0.7，input11=1", "input4＝.7,input11=1e0"]
)
def test_spaces_and_marks_of_a_chinese_keyboard_are_understood(text):
    assert parse_blocks(text) == {"input4": 0.7, "input11": 1.0}


def test_nothing_is_no_block():
    assert parse_blocks("") == parse_blocks("  ") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "IN04=0.5",
            "names a block that no UNet has, 'IN04=0.5': there are input0-11, middle0-2, output0-11, out,",
        ),
        ("input12=0.5", "names a block that no UNet has, 'input12=0.5'"),
        ("middle1-3=0.5", "names a block that no UNet has, 'middle1-3=0.5'"),
        ("input=0.5", "names a block that no UNet has, 'input=0.5'"),
        ("out0=0.5", "names a block that no UNet has, 'out0=0.5'"),
        ("output5-3=1", "has a range that goes down, 'output5-3=1': the lower number comes first"),
        ("input1=0,input1=0", "names input1 twice"),
        ("output3=0,output0-5=1", "names output3 twice"),
        ("input1=1.01", "needs a share from 0 to 1, got 'input1=1.01'"),
        ("input1=-0.1", "needs a share from 0 to 1, got 'input1=-0.1'"),
        ("input1=nan", "needs a share from 0 to 1, got 'input1=nan'"),
        ("input1=half", "needs a share from 0 to 1, got 'input1=half'"),
        ("input1", "must be blocks and their shares, as input4=0.7, got 'input1'"),
        ("input1=1,,out=0", "must be blocks and their shares, as input4=0.7, got ''"),
        ("input1=1 out=0", "must be blocks and their shares, as input4=0.7, got 'input1=1 out=0'"),
        ("input" + "9" * 5000 + "=1", "must be blocks and their shares"),
    ],
)
def test_what_cannot_be_understood_is_named(text, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_blocks(text)


@pytest.mark.parametrize("text", ["1.3", "-1", "nan", "inf", "", "0,3"])
def test_a_share_outside_of_its_range_is_refused(text):
    with pytest.raises(ValueError, match="needs a share from 0 to 1, got"):
        checked_share(text)
