"""A release says itself whether it is whole."""

import pytest

from bitprior_devices.deploying.parcel import describe
from bitprior_devices.remote.receive import SentFile, parse_file
from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.release import Release, linked, read_release, verify_release


@pytest.fixture
def folder(layout, bundle_path):
    """A release on disk."""
    release = Release((describe("model.bitprior", bundle_path),), None, "/usr/bin/python3")
    folder = layout.releases / release.digest
    folder.mkdir(parents=True)
    (folder / "release.json").write_bytes(release.manifest)
    (folder / "model.bitprior").write_bytes(bundle_path.read_bytes())
    return folder


def test_a_whole_release_is_read_and_verified(layout, folder):
    assert verify_release(layout, folder) == read_release(folder)


def test_every_bit_of_a_release_counts(layout, folder):
    for name in ("release.json", "model.bitprior"):
        path = folder / name
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            damaged = bytearray(whole)
            damaged[place] ^= 1
            path.write_bytes(damaged)
            with pytest.raises(RefusalError, match="the whole release"):
                verify_release(layout, folder)
        path.write_bytes(whole)
    verify_release(layout, folder)


def test_a_missing_and_a_foreign_file_are_named(layout, folder):
    (folder / "extra").write_text("x")
    with pytest.raises(RefusalError, match="files nobody sent: extra"):
        verify_release(layout, folder)
    (folder / "extra").unlink()
    (folder / "model.bitprior").unlink()
    with pytest.raises(RefusalError, match="no such file"):
        verify_release(layout, folder)
    (folder / "release.json").unlink()
    with pytest.raises(RefusalError, match="No such file"):
        read_release(folder)


def test_a_release_without_its_environment_is_not_whole(layout, bundle_path):
    release = Release((describe("model.bitprior", bundle_path),), "e" * 64, "python3")
    folder = layout.releases / release.digest
    folder.mkdir(parents=True)
    (folder / "release.json").write_bytes(release.manifest)
    (folder / "model.bitprior").write_bytes(bundle_path.read_bytes())
    with pytest.raises(RefusalError, match="no environment"):
        verify_release(layout, folder)
    (layout.environments / ("e" * 64)).mkdir(parents=True)
    with pytest.raises(RefusalError, match="no link to its environment"):
        verify_release(layout, folder)
    (folder / "site").symlink_to(release.site_link)
    assert verify_release(layout, folder) == release


def test_a_link_to_nothing_leads_nowhere(layout):
    layout.root.mkdir()
    assert linked(layout.current) is None
    layout.current.symlink_to("releases/gone")
    assert linked(layout.current) is None


GOOD = {"path": "model.bitprior", "size": 3, "sha256": "0" * 64}


@pytest.mark.parametrize(
    "wrong",
    [
        *({"path": path} for path in ("../x", "/etc/passwd", "a/b/c", "", ".", "a/../b", "a\nb")),
        *({"path": path} for path in ("-rf", "a\\b", "a b", "ä", "x" * 300, None, ".hidden")),
        *({"size": size} for size in (0, -1, 1.5, "3", True)),
        *({"sha256": digest} for digest in ("0" * 63, "g" * 64, "A" * 64, 0)),
    ],
)
def test_a_file_that_we_would_never_send_is_refused(wrong):
    with pytest.raises(RefusalError):
        parse_file({**GOOD, **wrong})
    assert parse_file(GOOD) == SentFile("model.bitprior", 3, "0" * 64)
