"""Whether ModelScope and Hugging Face can be reached, each asked for no more than its head."""

import os
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from kit.doctor.diagnosis import Diagnosis, note, ok
from kit.errors import PublishError
from kit.hub.network import check_network
from kit.hub.repository import Hub
from kit.messages import tr

PATIENCE_S = 3.0
HUBS: Mapping[Hub, tuple[str, str]] = {
    "modelscope": ("MODELSCOPE_ENDPOINT", "www.modelscope.cn"),
    "huggingface": ("HF_ENDPOINT", "huggingface.co"),
}
"""Of each hub the variable that names another address, and its own."""
NAMES: Mapping[Hub, str] = {"modelscope": "ModelScope", "huggingface": "Hugging Face"}
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_YES = ("1", "on", "yes", "true")
_LONGEST = 120


class HubAnswer(NamedTuple):
    """What a hub said."""

    error: str = ""
    """Why nothing came; empty where it answered, whatever it said."""
    date: datetime | None = None
    """What its clock says."""


def ask_head(address: str) -> HubAnswer:
    """Return what a hub says to HEAD; through the proxy that the environment names."""
    try:
        with urlopen(Request(address, method="HEAD"), timeout=PATIENCE_S) as reply:
            return HubAnswer(date=_date(reply.headers.get("Date")))
    except HTTPError as error:  # it answered
        return HubAnswer(date=_date(error.headers.get("Date")))


def _told(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return tr("its certificate is not believed; is the clock right?")
    told = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return " ".join(str(told).split())[:_LONGEST]


def _date(text: str | None) -> datetime | None:
    try:
        told = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def ask_hubs(ask: Callable[[str], HubAnswer] = ask_head) -> dict[Hub, HubAnswer]:
    """Return what each hub said, both asked at once; who says nothing in time has not answered."""
    answers: dict[Hub, HubAnswer] = {}

    def put(hub: Hub) -> None:
        answers[hub] = _asked(hub, ask)

    asking = [threading.Thread(target=put, args=(hub,), daemon=True) for hub in HUBS]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(PATIENCE_S + 0.5)  # a name server may keep it longer than any timeout
    late = tr("no answer within {seconds:.0f} s", seconds=PATIENCE_S)
    return {hub: answers.get(hub, HubAnswer(late)) for hub in HUBS}


def _asked(hub: Hub, ask: Callable[[str], HubAnswer]) -> HubAnswer:
    variable, host = HUBS[hub]
    if hub == "huggingface" and (name := _switched_off()):
        return HubAnswer(tr("{name} is set, so nothing is asked of it", name=name))
    try:
        check_network(variable, host)
        return ask(_address(variable, host))
    except PublishError as error:
        return HubAnswer(error.message)
    except (
        OSError,
        HTTPException,
        ValueError,
        RuntimeError,
    ) as error:  # a torn line; an odd address or proxy
        return HubAnswer(_told(error))


def _switched_off() -> str:
    return next((name for name in _OFFLINE if os.environ.get(name, "").strip().lower() in _YES), "")


def _address(variable: str, host: str) -> str:
    told = os.environ.get(variable, "").strip() or host
    return told if "://" in told else f"https://{told}"


def hub_lines(answers: Mapping[Hub, HubAnswer]) -> Iterator[Diagnosis]:
    """Yield which hubs can be reached; nothing but downloads and publishing needs one."""
    for hub, answer in answers.items():
        host = urlsplit(_address(*HUBS[hub])).hostname or HUBS[hub][1]
        if not answer.error:
            yield ok(f"hub.{hub}", tr("{hub} answers ({host})", hub=NAMES[hub], host=host))
            continue
        told = tr("{hub} ({host}): {reason}", hub=NAMES[hub], host=host, reason=answer.error)
        do = tr(
            "only downloads and publishing need it; HTTPS_PROXY names a proxy, {variable} another address",
            variable=HUBS[hub][0],
        )
        yield note(f"hub.{hub}", told, do)
