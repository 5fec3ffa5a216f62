"""What must never leave the house in a bundle: secrets, e-mail addresses, paths of this machine."""

import re
from dataclasses import dataclass

from submissions.faults import Fault

_SHOWN = 8
"""Characters of a find that a fault repeats: enough to search for it, too few to use it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leak:
    """A shape of text that betrays something."""

    name: str
    shape: re.Pattern[str]
    mend: str


_REVOKE = "take it out and revoke it, it may have been seen"
_RELATIVE = "give the file relative to the experiment"

LEAKS = (
    Leak(name="Hugging Face token", shape=re.compile(r"\bhf_[A-Za-z0-9]{20,}"), mend=_REVOKE),
    Leak(
        name="ModelScope token",
        shape=re.compile(r"(?<![0-9a-fA-F-])(?:ms-)?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"),
        mend=_REVOKE,
    ),
    Leak(name="OpenAI key", shape=re.compile(r"\bsk-[A-Za-z0-9_-]{20,}"), mend=_REVOKE),
    Leak(name="AWS key", shape=re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), mend=_REVOKE),
    Leak(name="Alibaba Cloud key", shape=re.compile(r"\bLTAI[A-Za-z0-9]{12,30}\b"), mend=_REVOKE),
    Leak(
        name="GitHub token",
        shape=re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"),
        mend=_REVOKE,
    ),
    Leak(name="private key", shape=re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----"), mend=_REVOKE),
    Leak(
        name="secret",
        shape=re.compile(
            r"(?i)(?:api_?key|access_?key|secret|password|token)[\"']?[ \t]{0,4}[=:][ \t]{0,4}[\"']?"
            r"(?=[A-Za-z_+/-]{0,60}[0-9])[A-Za-z0-9_+/-]{16,}"
        ),
        mend=_REVOKE,
    ),
    Leak(
        name="e-mail address",
        shape=re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"
        ),
        mend="take it out, the bundle is public",
    ),
    Leak(name="absolute path", shape=re.compile(r"(?<![A-Za-z])[A-Za-z]:[\\/]{1,4}[^\s\\/]"), mend=_RELATIVE),
    Leak(name="absolute path", shape=re.compile(r"\\\\[\w.-]{1,64}\\+\w"), mend=_RELATIVE),
    Leak(name="absolute path", shape=re.compile(r"(?i)\bfile:/"), mend=_RELATIVE),
    Leak(
        name="absolute path",
        shape=re.compile(r"(?<![\w.:/<~-])(?:~[\w-]{0,32})?/[\w.-]{1,255}/[\w.-]"),
        mend=_RELATIVE,
    ),
    Leak(name="home path", shape=re.compile(r"(?:^|(?<=[\s\"'=(,:]))~/[\w.-]"), mend=_RELATIVE),
)
"""Every shape looked for; none backtracks more than a bounded number of characters."""


def find_leaks(place: str, text: str) -> list[Fault]:
    r"""Return a fault for each kind of leak in a text, with the line and the first characters of the find.

    >>> [str(fault) for fault in find_leaks("README.md", "ask\nme@example.org")]
    ['README.md, line 2: holds an e-mail address: me@examp… (take it out, the bundle is public)']
    """
    faults: dict[str, Fault] = {}
    for leak in LEAKS:
        found = leak.shape.search(text)
        if found is None or leak.name in faults:
            continue
        line = text.count("\n", 0, found.start()) + 1
        article = "an" if leak.name[0] in "AaeO" else "a"
        faults[leak.name] = Fault(
            place=f"{place}, line {line}",
            problem=f"holds {article} {leak.name}: {found.group()[:_SHOWN]}…",
            mend=leak.mend,
        )
    return list(faults.values())
