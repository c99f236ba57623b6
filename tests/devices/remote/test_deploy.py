"""The board's side of a deploy, in this process; only the replay has one of its own."""

import os
from dataclasses import replace

import pytest

from bitprior_devices.deploying import deploy, pack, rollback
from bitprior_devices.errors import DeviceRefusedError
from bitprior_devices.probing import ask
from bitprior_devices.probing.ask import ask_all
from bitprior_devices.remote import deploy as there
from bitprior_devices.remote import replay
from bitprior_devices.remote.layout import make_folders
from bitprior_devices.remote.lock import locked
from bitprior_devices.remote.release import linked, read_release, verify_release
from bitprior_devices.remote.wire import sha256_of
from bitprior_devices.ssh import Destination
from bitprior_runtime.golden import Check
from bitprior_runtime.model import Model

pytestmark = pytest.mark.usefixtures("here")
BOARD = Destination("here")


def send(bundle, layout, **options):
    steps = []
    done = deploy(pack(bundle, []), BOARD, steps.append, root=str(layout.root), **options)
    return done, steps


def test_a_deploy_goes_through_all_its_steps_and_leaves_a_whole_release(layout, two_bundles):
    done, steps = send(two_bundles[0], layout)
    assert tuple(steps) == there.STEPS
    release = verify_release(layout, linked(layout.current))
    assert done.release == release.digest == linked(layout.current).name
    assert release.bundle_sha256 == sha256_of(two_bundles[0])
    assert (done.changed, done.previous, done.sent) == (True, None, two_bundles[0].stat().st_size)
    assert done.replay["cases"] == 3
    assert os.readlink(layout.current) == f"releases/{done.release}"


def test_a_second_deploy_of_the_same_bundle_sends_and_changes_nothing(layout, two_bundles):
    first, _ = send(two_bundles[0], layout)
    again, _ = send(two_bundles[0], layout)
    assert (again.release, again.changed, again.sent, again.previous) == (
        first.release, False, 0, None,
    )  # fmt: skip


def test_the_release_before_is_kept_others_go_and_a_rollback_returns_to_it(
    layout, two_bundles, bundle_path
):
    first, second, third = (send(b, layout)[0] for b in (*two_bundles, bundle_path))
    assert third.previous == second.release
    assert {p.name for p in layout.releases.iterdir()} == {second.release, third.release}
    back = rollback(BOARD, [].append, str(layout.root))
    assert (back.release, back.previous) == (second.release, third.release)
    assert linked(layout.current).name == second.release
    again = rollback(BOARD, [].append, str(layout.root))
    assert again.release == third.release
    assert first.release not in {second.release, third.release}


def test_a_rollback_needs_a_deploy_and_a_release_before_it(layout, two_bundles):
    with pytest.raises(DeviceRefusedError, match="deploy one first"):
        rollback(BOARD, [].append, str(layout.root))
    send(two_bundles[0], layout)
    with pytest.raises(DeviceRefusedError, match="a release before this one"):
        rollback(BOARD, [].append, str(layout.root))


def test_a_bundle_whose_golden_cases_do_not_replay_is_not_brought_into_use(
    layout, two_bundles, monkeypatch
):
    first, _ = send(two_bundles[0], layout)
    wrong = [Check("gradient of f", 0.5, 1e-4, "relative")]
    monkeypatch.setattr(Model, "verify", lambda *_: wrong)
    with pytest.raises(DeviceRefusedError, match=r"gradient of f: 0\.5, allowed 0\.0001"):
        send(two_bundles[1], layout)
    assert linked(layout.current).name == first.release


@pytest.mark.parametrize(
    ("python", "found", "todo"),
    [
        ("/bin/false", "exit status 1", "bitprior probe"),
        ("/no/such/python", "No such file", "--offline"),
    ],
)
def test_a_python_that_cannot_replay_is_refused_with_what_to_do(
    layout, two_bundles, python, found, todo
):
    with pytest.raises(DeviceRefusedError, match=found) as caught:
        send(two_bundles[0], layout, python=python)
    assert todo in caught.value.todo
    assert caught.value.exit_code == 5
    assert linked(layout.current) is None


def test_a_locked_board_says_who_holds_it(layout, two_bundles):
    make_folders(layout)
    with locked(layout, "alice@laptop"), pytest.raises(DeviceRefusedError) as caught:
        send(two_bundles[0], layout)
    assert "alice@laptop (process " in caught.value.found
    send(two_bundles[0], layout)


def test_a_lock_that_has_just_been_taken_says_so(layout, two_bundles):
    make_folders(layout)
    with locked(layout, "alice"):
        layout.lock.write_text("")
        with pytest.raises(DeviceRefusedError, match="just begun"):
            send(two_bundles[0], layout)


def test_an_upload_that_was_cut_goes_on_where_it_stopped(layout, two_bundles):
    parcel = pack(two_bundles[0], [])
    (file,) = parcel.files
    release = read_digest(layout, parcel)
    part = layout.incoming / release / "model.bitprior.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(two_bundles[0].read_bytes()[:5000])
    done, _ = send(two_bundles[0], layout)
    assert done.sent == file.size - 5000


def test_a_part_that_is_torn_or_of_another_file_is_sent_anew(layout, two_bundles):
    parcel = pack(two_bundles[0], [])
    part = layout.incoming / read_digest(layout, parcel) / "model.bitprior.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(5000))
    done, _ = send(two_bundles[0], layout)
    assert done.sent == two_bundles[0].stat().st_size


def read_digest(layout, parcel):
    """Return the digest of the release a parcel will become."""
    python = there.sys.executable
    return there.Release(tuple(parcel.files), None, python).digest


def test_a_file_that_is_not_what_was_announced_is_refused(layout, two_bundles):
    parcel = pack(two_bundles[0], [])
    ((file, source),) = parcel.files.items()
    lie = replace(parcel, files={replace(file, sha256="0" * 64): source})
    with pytest.raises(DeviceRefusedError, match="SHA-256 0000"):
        deploy(lie, BOARD, [].append, root=str(layout.root))
    assert linked(layout.current) is None
    assert not list(layout.incoming.rglob("*.part"))


def test_a_damaged_release_of_the_same_name_is_sent_again(layout, two_bundles):
    first, _ = send(two_bundles[0], layout)
    bundle = layout.releases / first.release / "model.bitprior"
    bundle.write_bytes(b"torn" + bundle.read_bytes()[4:])
    again, _ = send(two_bundles[0], layout)
    assert again.sent == two_bundles[0].stat().st_size
    assert verify_release(layout, linked(layout.current)) == read_release(linked(layout.current))


def test_a_damaged_release_does_not_keep_the_next_ones_from_coming(
    layout, two_bundles, monkeypatch
):
    first, _ = send(two_bundles[0], layout)
    (layout.releases / first.release / "release.json").write_text("torn")
    monkeypatch.setattr(ask, "TRIALS", ())
    answer = ask_all(BOARD, [].append, str(layout.root))
    assert answer["runs"] == there.sys.executable
    second, _ = send(two_bundles[1], layout)
    assert linked(layout.current).name == second.release


def test_what_was_never_finished_is_removed_by_the_next_deploy(layout, two_bundles):
    make_folders(layout)
    (layout.incoming / "old").mkdir()
    (layout.incoming / "old/part").write_text("x")
    (layout.incoming / "stray").write_text("x")
    for name, age in (("crashed", 2 * 24 * 3600), ("running", 3600)):
        (layout.work / name).mkdir()
        begun = layout.lock.stat().st_mtime - age
        os.utime(layout.work / name, (begun, begun))
    (layout.releases / "0000.removed").mkdir()
    layout.current.with_name("current.new").symlink_to("nowhere")
    send(two_bundles[0], layout)
    assert not list(layout.incoming.iterdir())
    assert [entry.name for entry in layout.work.iterdir()] == ["running"]
    assert len(list(layout.releases.iterdir())) == 1
    assert not layout.current.with_name("current.new").is_symlink()


@pytest.mark.parametrize("root", ["relative", "/tmp/../etc", "/tmp/a\nb", "/tmp/\x1b[1m"])
def test_a_root_that_is_no_plain_absolute_path_is_refused(two_bundles, root):
    with pytest.raises(DeviceRefusedError, match="absolute --root"):
        deploy(pack(two_bundles[0], []), BOARD, [].append, root=root)


def test_a_root_that_is_a_file_is_refused(tmp_path, two_bundles):
    with pytest.raises(DeviceRefusedError, match="files that can be written"):
        deploy(pack(two_bundles[0], []), BOARD, [].append, root=str(two_bundles[1]))


def test_a_replay_of_what_is_no_bundle_is_a_line_and_a_status(tmp_path, capsys):
    assert replay.main(str(tmp_path / "none")) == 1
    assert "No such file" in capsys.readouterr().err
