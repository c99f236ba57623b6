"""Results on photos are read with care: a stranger may have written them."""

import numpy as np
import pytest

from bitprior_export.image_files import BROKEN_ARCHIVE
from bitprior_export.report import parse_photos, read_findings
from bitprior_runtime.errors import UsageError
from builders.photo_results import photo_result, photo_row, pictures, prior
from builders.results import write


def test_a_folder_of_nothing_but_photos_is_read(tmp_path):
    write(tmp_path / "r", "photos", photo_result(), pictures(6))
    (found,) = read_findings(tmp_path / "r").photos
    assert found.name == "photos"
    assert found.pictures is not None
    assert found.rows[1].prior is not None
    assert found.rows[1].prior.label == "4-bit"
    assert found.rows[3].prior is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (photo_row(psnr_of=[1.0]), "values of 2 photos"),
        (photo_row(noise=-0.1), "noise of at least 0"),
        (photo_row(prior=prior(widths={"four": 1})), "widths"),
        (photo_row(prior=None), "an object"),
        (photo_row(times=[{"frame": [256], "count": 1, "fastest_ms": 1, "mean_ms": 1}]), "frame"),
        (photo_row(m=0), "m as an integer"),
        (photo_row(method="\x1b[2J"), "printable|line of text"),
    ],
)
def test_a_wrong_field_is_named(row, message):
    with pytest.raises(UsageError, match=message):
        parse_photos(photo_result(row), "r")


def test_a_result_without_rows_is_refused():
    with pytest.raises(UsageError, match="at least one"):
        parse_photos(photo_result() | {"rows": []}, "r")


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": np.array([0, 1, 2, 3, 4, 99])},
        {"rows": np.arange(6) - 1},
        {"original": np.zeros((2, 3, 12, 10), np.uint8)},
        {"recovered": np.zeros((6, 2, 1, 12, 9), np.uint8)},
        {"psnr": np.full((6, 2), np.nan)},
        {"ssim": np.zeros((6, 3))},
    ],
)
def test_pictures_that_do_not_fit_are_refused(changed):
    with pytest.raises(BROKEN_ARCHIVE, match="than evaluate writes"):
        parse_photos(photo_result(), "r", pictures(6, **changed))
