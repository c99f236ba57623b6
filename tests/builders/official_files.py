"""Small files in the official layouts of the data sets, and the images in them."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping

import numpy as np
from PIL import Image
from scipy.io import savemat

from bitprior_train.data.catalogue import RemoteFile

Parts = tuple[np.ndarray, np.ndarray]


def colour_images(count: int, side: int, seed: int) -> np.ndarray:
    """Return noise, uint8 [count, side, side, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def mnist_files(count: int = 30) -> tuple[dict[str, bytes], Parts]:
    """Gzipped IDX: big-endian magic, number, rows, columns, then the pixels row by row."""
    parts = colour_images(count, 28, 0)[..., 0], colour_images(8, 28, 1)[..., 0]
    names = "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"
    return {n: idx_file(p) for n, p in zip(names, parts, strict=True)}, parts


def idx_file(images: np.ndarray) -> bytes:
    header = np.array([0x803, *images.shape], ">u4").tobytes()
    return gzip.compress(header + images.tobytes(), 1)


def cifar10_files() -> tuple[dict[str, bytes], Parts]:
    """.tar.gz: five batches of [label, red plane, green plane, blue plane] and a test batch."""
    parts = colour_images(20, 32, 0), colour_images(4, 32, 1)
    batches = [*np.split(parts[0], 5), parts[1]]
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    members = {"cifar-10-batches-bin/batches.meta.txt": b"airplane\n"}
    for name, batch in zip(names, batches, strict=True):
        planes = batch.transpose(0, 3, 1, 2).reshape(len(batch), -1)
        labels = np.full((len(batch), 1), 7, np.uint8)
        members[f"cifar-10-batches-bin/{name}"] = np.hstack([labels, planes]).tobytes()
    return {"cifar-10-binary.tar.gz": tar_file(members)}, parts


def svhn_files() -> tuple[dict[str, bytes], Parts]:
    """MATLAB: X [row, column, colour, image], and y, which says 10 for the digit 0."""
    parts = colour_images(12, 32, 0), colour_images(4, 32, 1)
    files = {}
    for name, images in zip(("train_32x32.mat", "test_32x32.mat"), parts, strict=True):
        file = io.BytesIO()
        savemat(file, {"X": images.transpose(1, 2, 3, 0), "y": np.full((len(images), 1), 10)})
        files[name] = file.getvalue()
    return files, parts


def stl10_files() -> tuple[dict[str, bytes], Parts]:
    """.tar.gz: per image a red, a green and a blue plane, each column by column."""
    parts = colour_images(5, 96, 0), colour_images(3, 96, 1)
    train, test = (p.transpose(0, 3, 2, 1).tobytes() for p in parts)
    unlabelled = colour_images(2, 96, 2).tobytes()
    members = {"train_X.bin": train, "test_X.bin": test, "unlabeled_X.bin": unlabelled}
    archive = tar_file({f"stl10_binary/{name}": data for name, data in members.items()})
    return {"stl10_binary.tar.gz": archive}, parts


def imagenette_files() -> tuple[dict[str, bytes], Parts]:
    """.tgz of JPEGs of one colour each, whose sides are cut away by the central square."""
    members, parts = {}, []
    for part, levels in (("train", range(20, 140, 20)), ("val", (170, 230))):
        for level in levels:
            photo = np.full((160, 240, 3), level, np.uint8)
            photo[:, :32], photo[:, -32:] = 255, 0
            members[f"imagenette2-160/{part}/n01440764/n01440764_{level}.JPEG"] = jpeg(photo)
        parts.append(np.array(levels))
    members["imagenette2-160/noisy_imagenette.csv"] = b"path\n"
    return {"imagenette2-160.tgz": tar_file(members)}, (parts[0], parts[1])


def jpeg(photo: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=95)
    return file.getvalue()


def tar_file(members: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    """Return a .tar.gz of files by name; a TarInfo goes in as it is, with no contents."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
        for name, data in members.items():
            if isinstance(data, tarfile.TarInfo):
                tar.addfile(data)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


def remote(url: str, data: bytes) -> RemoteFile:
    """Return the entry for a file, with its own size and hash."""
    return RemoteFile(url, len(data), hashlib.sha256(data).hexdigest())
