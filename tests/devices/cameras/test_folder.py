"""Folders of images as recordings."""

import numpy as np
import pytest

from bitprior_devices.cameras import open_source
from bitprior_runtime.errors import UsageError
from bitprior_runtime.images import encode_png


def test_images_come_by_name_whatever_their_size_and_other_files_are_left_out(tmp_path):
    for name, value, size in (("b.PNG", 0.2, 5), ("a.png", 0.4, 7)):
        (tmp_path / name).write_bytes(encode_png(np.full((3, size, 4), value, np.float32)))
    (tmp_path / "c.txt").write_text("no image")
    source = open_source(str(tmp_path))
    assert (source.live, source.rate, source.name) == (False, 10.0, str(tmp_path))
    first, second = source.read(), source.read()
    assert (first.shape, second.shape) == ((1, 7, 4, 3), (1, 5, 4, 3))
    assert (first[0, 0, 0, 0], second[0, 0, 0, 0]) == (102, 51)
    assert source.read() is None


def test_a_gray_file_comes_as_rgb(tmp_path):
    (tmp_path / "a.png").write_bytes(encode_png(np.full((1, 2, 3), 0.2, np.float32)))
    assert open_source(str(tmp_path)).read().tolist() == np.full((1, 2, 3, 3), 51).tolist()


def test_a_closed_folder_is_at_its_end(tmp_path):
    (tmp_path / "a.png").write_bytes(encode_png(np.zeros((1, 2, 3), np.float32)))
    source = open_source(str(tmp_path))
    source.close()
    assert source.read() is None


def test_a_folder_without_images_or_with_a_false_one_is_refused(tmp_path):
    with pytest.raises(UsageError, match="image files"):
        open_source(str(tmp_path))
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(UsageError, match="neither"):
        open_source(str(tmp_path)).read()
