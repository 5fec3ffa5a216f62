"""The one door to ModelScope: models and datasets fetched, and a model repository written to with a token."""

import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from logging.handlers import BufferingHandler
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from kit.errors import InputError, PublishError, printable
from kit.files.text.library_words import reason_of
from kit.hub.network import check_network
from kit.hub.repository import RemoteFile
from kit.messages import tr

if TYPE_CHECKING:
    from modelscope_hub.api import HubApi

Kind = Literal["model", "dataset"]

TOKEN = "MODELSCOPE_API_TOKEN"
"""The environment variable with the access token; the only place it is read from."""
TOKENS = "https://modelscope.cn/my/myaccesstoken"
"""The page where a user finds it."""
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_QUERY = re.compile(r"\?\S*=\S*")
"""What follows an address that was signed for one upload."""
_SHOWN = 200
"""Characters of what the hub says that are passed on."""


def token_of(environment: Mapping[str, str]) -> str:
    """Return the access token.

    Raises:
        PublishError: there is none, or it cannot be one; what it is, is not told.
    """
    token = environment.get(TOKEN, "").strip()
    if not token:
        raise PublishError(
            tr(
                "publishing needs your access token: copy it from {page}, type "
                "`export {variable}=` with it behind the sign, and publish again",
                page=TOKENS,
                variable=TOKEN,
            )
        )
    if not re.fullmatch(r"[!-~]+", token):
        raise PublishError(
            tr("{variable} must hold one word of ASCII characters, it holds something else", variable=TOKEN)
        )
    return token


def check_repository_name(path: str) -> None:
    """Raise InputError unless it can name a repository."""
    if not _PATH.fullmatch(path):
        problem = tr(
            "must be owner/name in ASCII letters, digits, dots and dashes, as my-team/my-lora, got {got!r}",
            got=printable(path),
        )
        raise InputError(tr("repository"), [problem])


class Repository:
    """A model repository on ModelScope, or on the hub that MODELSCOPE_ENDPOINT names."""

    def __init__(self, path: str, token: str, scratch: Path) -> None:
        """Keep the SDK's own files in a scratch folder; nothing is asked of the hub yet."""
        from modelscope_hub.api import HubApi
        from modelscope_hub.config import HubConfig

        check_repository_name(path)
        config = HubConfig(token=token, config_dir=scratch / "sdk", cache_dir=scratch / "sdk")
        self._path, self._token, self._scratch = path, token, scratch
        self._api = HubApi(config)
        self.page = f"{config.endpoint}/models/{path}"
        """The address of the model page."""

    def files(self) -> dict[str, RemoteFile] | None:
        """Return the files by path, or None if the token sees no such repository."""
        from modelscope_hub.errors import NotExistError

        check_network("MODELSCOPE_ENDPOINT", "www.modelscope.cn")
        with self._asking(), suppress(NotExistError):
            return _files(self._api, self._path, "model")
        return None

    def create(self, name: str, private: bool) -> None:
        """Make the repository; its page is headed by the name."""
        with self._asking():
            visibility = "private" if private else "public"
            self._api.create_repo(self._path, "model", visibility=visibility, chinese_name=name)

    def send(self, files: Mapping[str, bytes]) -> None:
        """Write files beside what is there; of large ones only those that the hub has not stored yet."""
        folder = self._scratch / "bundle"
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        with self._asking():
            self._api.upload_folder(
                self._path,
                "model",
                folder,
                commit_message="Published by storykit",
                disable_tqdm=not sys.stderr.isatty(),
            )

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn what the SDK raises into one line of ours, and keep its own lines off the terminal.

        What it raises does not say why; what it logs does.
        """
        from modelscope_hub.errors import HubError

        logger, log = logging.getLogger("modelscope_hub"), BufferingHandler(capacity=sys.maxsize)
        log.setLevel(logging.ERROR)
        handlers, logger.handlers = logger.handlers, [log]
        try:
            with redirect_stdout(StringIO()):
                yield
        except (HubError, OSError, RuntimeError) as error:  # RuntimeError: after commits that failed
            raise PublishError(self._refusal(error, log.buffer)) from error
        finally:
            logger.handlers = handlers

    def _refusal(self, error: Exception, logged: list[logging.LogRecord]) -> str:
        """Return what went wrong, as the SDK told it first, and what to do about it."""
        from modelscope_hub.errors import AlreadyExistsError, AuthenticationError, PermissionDeniedError

        told = logged[0].getMessage() if logged else str(error)
        first = told.partition("\n")[0].replace(self._token, "***")
        reason = reason_of(printable(_QUERY.sub("", first))[:_SHOWN])
        if isinstance(error, (AuthenticationError, PermissionDeniedError, AlreadyExistsError)):
            return tr(
                "{page}: the token in {variable} must be allowed to write there, the hub said: {reason}",
                page=self.page,
                variable=TOKEN,
                reason=reason,
            )
        return tr(
            "{page} could not be published: {reason}; run the same command again, it goes on",
            page=self.page,
            reason=reason,
        )


@contextmanager
def open_repository(path: str, token: str) -> Iterator[Repository]:
    """Yield a repository; what was written on this machine for it is removed in the end."""
    with TemporaryDirectory(prefix="storykit-") as scratch:
        yield Repository(path, token, Path(scratch))


class ModelScope:
    """The hub of the contest."""

    def __init__(self, repository: str, kind: Kind = "model") -> None:
        """Name the repository, OWNER/NAME; nothing is asked of the hub yet."""
        self._repository, self._kind = repository, kind

    def files(self) -> Mapping[str, RemoteFile]:
        """Return the repository's files by path."""
        with _client() as api:
            return _files(api, self._repository, self._kind)

    def fetch(self, paths: Sequence[str], folder: Path) -> None:
        """Fetch files, or what matches patterns, with ModelScope's client: it resumes and shows progress."""
        with _client() as api:
            api.download_repo(self._repository, self._kind, local_dir=folder, allow_patterns=list(paths))


def _files(api: "HubApi", repository: str, kind: Kind) -> dict[str, RemoteFile]:
    listed = api.list_repo_files(repository, kind)
    return {entry.path: RemoteFile(entry.size, entry.sha256 or "") for entry in listed if not entry.is_dir}


@contextmanager
def _client() -> Iterator["HubApi"]:
    """Yield ModelScope's client; what it raises becomes an OSError, as Hugging Face's errors are."""
    check_network("MODELSCOPE_ENDPOINT", "www.modelscope.cn")
    from modelscope_hub.api import HubApi
    from modelscope_hub.errors import HubError

    try:
        yield HubApi()
    except HubError as error:
        raise OSError(str(error)) from error
