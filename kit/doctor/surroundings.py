"""Fonts, language, letters and the clock."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from kit.doctor.diagnosis import Diagnosis, fault, note, ok
from kit.errors import printable
from kit.messages import LANGUAGE_VARIABLES, OWN_VARIABLE, asked_language, tr

if TYPE_CHECKING:
    from kit.images.lettering import Lettering

CHINESE = "小猫的故事，第一格"
"""What a font must be able to write."""
YEARS = (2026, 2099)
"""Between which a clock is believed."""
SKEW_S = 86400.0
"""Seconds by which the clock may differ from a hub's."""
_LONGEST = 40


def find_font() -> "Lettering":
    """Return what this machine writes Chinese with."""
    from kit.images.lettering import find_lettering

    return find_lettering([CHINESE])


def font_lines(find: "Callable[[], Lettering]" = find_font) -> Iterator[Diagnosis]:
    """Yield whether there is a font for Chinese captions."""
    found = find()
    if found.captions:
        yield ok("fonts", tr("{face} writes Chinese captions", face=found.note))
        return
    yield note(
        "fonts",
        tr("no font with Chinese letters: mosaics show panel numbers without captions"),
        tr("install Noto Sans CJK, as with `sudo apt install fonts-noto-cjk`"),
    )


def language_lines(environment: Mapping[str, str] = os.environ) -> Iterator[Diagnosis]:
    """Yield in which language people are told things, and who says so."""
    language = asked_language()
    told_by = [one for one in LANGUAGE_VARIABLES if environment.get(one)]
    if told_by[:1] == ["LANGUAGE"] and environment["LANGUAGE"] == language:  # set by ourselves for libraries
        told_by = [*(one for one in told_by[1:] if environment[one].startswith(language)), *told_by]
    name = next(iter(told_by), "")
    said = f"{name}={printable(environment.get(name, ''))[:_LONGEST]}"
    if name == OWN_VARIABLE and language is None:
        told = tr("{setting} names no language of storykit", setting=said)
        yield fault("language", told, tr("write {own}=zh or {own}=en, or unset it", own=OWN_VARIABLE))
    elif language is None:
        where = said if name else "-"
        yield ok(
            "language", tr("English ({setting}); for Chinese set {own}=zh", setting=where, own=OWN_VARIABLE)
        )
    elif language == "zh":
        yield ok("language", tr("Chinese ({setting})", setting=said))
    else:
        yield ok("language", tr("English ({setting})", setting=said))


def encoding_lines(encoding: str | None = None) -> Iterator[Diagnosis]:
    """Yield whether Chinese letters can be written to the terminal.

    Args:
        encoding: the terminal's; by default that of standard output.
    """
    told = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        CHINESE.encode(told)
    except (UnicodeEncodeError, LookupError):
        yield note(
            "letters",
            tr("the terminal takes {encoding}, which has no Chinese letters", encoding=told),
            tr("set PYTHONUTF8=1 and LANG=C.UTF-8"),
        )
        return
    yield ok("letters", tr("the terminal takes {encoding}, which has Chinese letters", encoding=told))


def clock_lines(now: datetime, hub: datetime | None = None) -> Iterator[Diagnosis]:
    """Yield whether the clock can be right.

    Args:
        now: what it says, with its zone.
        hub: what a hub's clock said; None where none answered.
    """
    mend = tr(
        "set it, as with `sudo timedatectl set-ntp true`: with a wrong one hubs' certificates are refused"
    )
    day = f"{now:%Y-%m-%d %H:%M}"
    if not YEARS[0] <= now.year <= YEARS[1]:
        yield fault("clock", tr("the clock says {day}", day=day), mend)
    elif hub is not None and abs((now - hub).total_seconds()) > SKEW_S:
        yield note(
            "clock", tr("the clock says {day}, a hub's {other:%Y-%m-%d %H:%M}", day=day, other=hub), mend
        )
    else:
        yield ok("clock", tr("the clock says {day}", day=day))
