"""The data sets: their terms, and where the official files are.

URLs, sizes and SHA-256 sums are those that TensorFlow Datasets pins: mnist.txt, cifar10.txt,
svhn_cropped.txt, stl10.txt and imagenette.txt in ``tensorflow_datasets/url_checksums/`` of
github.com/tensorflow/datasets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bitprior_train.data.formats import Parts, read_cifar10, read_mnist, read_stl10, read_svhn
from bitprior_train.data.imagenette import read_imagenette


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded.

    Attributes:
        url: Where it is; the part behind the last slash names the file.
        size: Its length in bytes.
        sha256: Its SHA-256, hexadecimal.
    """

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Source:
    """The official files of a data set.

    Attributes:
        files: What to download.
        read: Turns the downloaded files, in the order of ``files``, into training and test images.
    """

    files: tuple[RemoteFile, ...]
    read: Callable[[Sequence[Path]], Parts]


_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_CIFAR10 = "https://www.cs.toronto.edu/~kriz/"
_SVHN = "http://ufldl.stanford.edu/housenumbers/"
_STL10 = "http://ai.stanford.edu/~acoates/stl10/"
_IMAGENETTE = "https://s3.amazonaws.com/fast-ai-imageclas/"

SOURCES: dict[str, Source] = {
    "mnist": Source(
        (
            RemoteFile(
                _MNIST + "train-images-idx3-ubyte.gz",
                9912422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            RemoteFile(
                _MNIST + "t10k-images-idx3-ubyte.gz",
                1648877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
        ),
        read_mnist,
    ),
    "cifar10": Source(
        (
            RemoteFile(
                _CIFAR10 + "cifar-10-binary.tar.gz",
                170052171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        read_cifar10,
    ),
    "svhn": Source(
        (
            RemoteFile(
                _SVHN + "train_32x32.mat",
                182040794,
                "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
            ),
            RemoteFile(
                _SVHN + "test_32x32.mat",
                64275384,
                "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
            ),
        ),
        read_svhn,
    ),
    "stl10": Source(
        (
            RemoteFile(
                _STL10 + "stl10_binary.tar.gz",
                2640397119,
                "f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866",
            ),
        ),
        read_stl10,
    ),
    "imagenette96": Source(
        (
            RemoteFile(
                _IMAGENETTE + "imagenette2-160.tgz",
                98948031,
                "88daccb09b6fce93f45e6c09ddeb269cce705549e6bff322092a2a5a11489863",
            ),
        ),
        read_imagenette,
    ),
}

LICENCES = {
    "mnist": "MNIST, Y. LeCun, C. Cortes, C. Burges; commonly stated as CC BY-SA 3.0",
    "cifar10": "CIFAR-10, A. Krizhevsky, 2009; no explicit licence, used for research",
    "svhn": "SVHN, Y. Netzer et al., 2011; non-commercial use only",
    "stl10": "STL-10, A. Coates, H. Lee, A. Ng, 2011; images from ImageNet, non-commercial "
    "research",
    "imagenette96": "Imagenette (not STL-10), J. Howard; images from ImageNet, non-commercial "
    "research and education",
    "celeba64": "CelebA, Z. Liu et al., 2015; non-commercial research only, no redistribution",
    "coco64": "COCO 2017, T.-Y. Lin et al., 2014; each photo under its Flickr owner's Creative "
    "Commons licence",
}
