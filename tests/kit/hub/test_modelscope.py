import pytest
from upload_server import TOKEN

from kit.errors import InputError, PublishError
from kit.hub.modelscope import open_repository, token_of


@pytest.mark.parametrize("token", ["ms two words", "ms-line\nbreak", "令牌"])
def test_what_cannot_be_a_token_is_refused_and_not_shown(token):
    with pytest.raises(PublishError, match="must hold one word of ASCII characters") as error:
        token_of({"MODELSCOPE_API_TOKEN": token})
    assert token not in str(error.value)


@pytest.mark.parametrize(
    "path",
    ["ink", "cloud/", "/ink", "a/b/c", "云/墨", "../ink", "cloud/..", "cloud/in k", "a/b\n", "x" * 65 + "/y"],
)
def test_what_is_no_owner_and_name_is_refused(path, tmp_path):
    with (
        pytest.raises(InputError, match=r"must be owner/name in ASCII letters, .*, got"),
        open_repository(path, TOKEN),
    ):
        pass
