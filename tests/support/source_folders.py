"""Folders of pictures, captions and tables that a dataset is made of."""

from pathlib import Path

from fakes import fake_picture

from kit.dataset.listed import FoundPicture


def put_files(folder: Path, **files: str | bytes | None) -> Path:
    """Write files; None is a picture. A double underscore in a name stands for the dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        if content is None:
            fake_picture(name, 32).save(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def captions_told(found: list[FoundPicture]) -> list[tuple[str, str]]:
    """Return each picture's name and its caption, else why it has none."""
    return [(one.name, one.caption.text or one.fault or one.caption.fault) for one in found]
