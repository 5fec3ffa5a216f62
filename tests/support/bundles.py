"""What verifying says of a bundle, and what must not be in one."""

from pathlib import Path

from entries import verified

TOKENS = {
    "Hugging Face token": "hf_" + "aB3" * 11,
    "ModelScope token": "ms-c1e8a4ea-36b5-4e62-" + "b20a-672b48361817",
    "OpenAI key": "sk-proj-" + "a1B2" * 8,
    "AWS key": "AKIA" + "ABCDEFGH12345678",
    "GitHub token": "ghp_" + "x1Y2" * 9,
    "private key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "secret": 'api_key = "' + "abcdef0123456789abcd" + '"',
    "e-mail address": "someone" + "@" + "mail.example.org",
}
PATHS = (
    "/home/me/loras/ink.safetensors",
    "/root/work",
    "/mnt/workspace/kolors",
    "C:\\Users\\me\\ink",
    "D:/loras/ink",
    "\\\\server\\share\\ink",
    "~/loras/ink",
    "~me/loras/ink",
    "file:///tmp/x",
    '"path": "/Users/me/x"',
)


def faults_told(path: Path, **more: object) -> str:
    return "\n".join(map(str, verified(path, **more)))
