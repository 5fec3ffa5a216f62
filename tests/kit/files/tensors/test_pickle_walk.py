import pickletools
import random
from contextlib import suppress

import pytest

from kit.files.tensors.pickle_walk import content_by_name

TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ"
    b"K\0K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtR"
)
TABLE = b"\x80\x02}(X\x01\0\0\0a" + TENSOR + b"u."


def test_a_tensor_is_a_record_of_what_the_pickle_says() -> None:
    [(name, tensor)] = content_by_name(TABLE).tensors.items()
    assert (name, tensor.dtype, tensor.offset) == ("a", "F32", 0)
    assert (tensor.shape, tensor.strides, tensor.storage.key) == ((2, 3), (3, 1), "0")


@pytest.mark.parametrize(
    ("pickled", "fault"),
    [
        (b"", "its list of tensors is torn"),
        (b"\x80\x02.", "makes no sense"),
        (b"\x80\x02}", "its list of tensors is torn"),
        (b"\x80\x02J\x01", "its list of tensors is torn"),
        (b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R.", r"asks to run 'os\.system' when it is opened"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.", r"asks to run 'os\.system'"),
        (b"\x80\x02ctorch._utils\n_rebuild_qtensor\n)R.", "holds quantised tensors"),
        (b"\x80\x02c__builtin__\neval\nX\x01\0\0\x001\x85R.", r"asks to run '__builtin__\.eval'"),
        (b"\x80\x02]q\0h\0a.", "must hold tensors by name"),
        (b"\x80\x02(lp0\nI" + b"9" * 5000 + b"\na.", "is torn|tensors alone"),
        (b"\x80\x02}(K\x01K\x02u.", "got something else"),
        (b"\x80\x02}(((K\x01ttK\x02u.", "makes no sense|by name"),
        (b"\x80\x02}\x8a\xff" + b"\x7f" * 255 + b"K\x01s.", "by name"),
        (b"\x80\x02i__main__\nA\n.", "must hold tensors alone"),
        (b"\x80\x02" + b"]" * 2_000_000 + b".", "names more tensors than a model has"),
        (TABLE.replace(b"FloatStorage", b"QInt8Storage"), "numbers of a kind that is not read here"),
        (TABLE.replace(b"K\0K", b"X\x01\0\0\0xK"), "makes no sense"),
        (TABLE.replace(b"K\x02K\x03\x86", b"J\xff\xff\xff\xffK\x03\x86"), "shape must be whole numbers"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_tensors_is_one_clear_sentence(pickled: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        content_by_name(pickled)


def test_no_order_of_opcodes_gets_out_of_the_walk() -> None:
    chance, codes = random.Random(5), [code.code.encode("latin-1") for code in pickletools.opcodes]
    for _ in range(3000):
        spoilt = bytearray(TABLE)
        for _ in range(chance.randrange(1, 4)):
            spot = chance.randrange(2, len(spoilt))
            spoilt[spot : spot + chance.randrange(2)] = chance.choice(codes) + chance.randbytes(
                chance.randrange(3)
            )
        with suppress(ValueError):
            content_by_name(bytes(spoilt))
