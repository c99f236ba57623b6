"""Wheels made of what is installed here: what a bare board needs to replay a bundle."""

import zipfile
from importlib.util import find_spec
from pathlib import Path

OURS = ("bitprior_runtime", "bitprior_devices")


def folder_of(package):
    """Return where a package lies."""
    return Path(find_spec(package).origin).parent


def zip_packages(path, packages):
    """Write a wheel with these packages, without their tests; return its path."""
    with zipfile.ZipFile(path, "w") as archive:
        for folder in packages:
            for file in sorted(folder.rglob("*")):
                inside = file.relative_to(folder.parent)
                if file.is_file() and not {"tests", "__pycache__"} & set(inside.parts):
                    archive.write(file, inside)
        archive.writestr("x-1.data/scripts/x", "never unpacked")
    return path


def make_wheels(folder):
    """Write wheels of numpy, safetensors and this project; return their paths."""
    numpy = folder_of("numpy")
    libraries = [found for found in [numpy.with_name("numpy.libs")] if found.is_dir()]
    return [
        zip_packages(folder / "numpy-1-cp311-linux.whl", [numpy, *libraries]),
        zip_packages(folder / "safetensors-1-cp38-linux.whl", [folder_of("safetensors")]),
        zip_packages(folder / "bitprior-0.1.0-py3-none-any.whl", map(folder_of, OURS)),
    ]
