"""A systemd user unit for the current release."""

import pytest

from bitprior_devices.deploying import deploy, pack, rollback
from bitprior_devices.errors import DeviceRefusedError
from bitprior_devices.remote import service
from bitprior_devices.remote.layout import Layout
from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.release import Release, linked
from bitprior_devices.ssh import Destination


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """A systemctl that writes down what it is asked, and refuses what stands in a file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "systemctl"
    program.write_text(
        f'#!/bin/sh\necho "$@" >>{folder}/log\n'
        f'if grep -qx "$2" {folder}/refused 2>/dev/null; then echo "no $2" >&2; exit 1; fi\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return folder


def send(bundle, layout):
    return deploy(
        pack(bundle, []), Destination("here"), lambda _: None, root=str(layout.root), service=True
    )


@pytest.mark.usefixtures("here")
def test_a_deploy_with_a_service_writes_the_unit_and_starts_it(
    systemctl, layout, bundle_path, tmp_path
):
    done = send(bundle_path, layout)
    unit = (tmp_path / "home/.config/systemd/user/bitprior.service").read_text()
    assert f"-m bitprior_runtime serve {layout.root}/current/model.bitprior\n" in unit
    assert "PYTHONPATH" not in unit
    assert (systemctl / "log").read_text().splitlines() == [
        "--user show-environment",
        "--user daemon-reload",
        "--user enable bitprior.service",
        "--user restart bitprior.service",
    ]
    assert linked(layout.current).name == done.release


@pytest.mark.usefixtures("here")
def test_a_service_that_is_there_goes_on_with_what_is_deployed_or_rolled_back(
    systemctl, layout, two_bundles
):
    send(two_bundles[0], layout)
    (systemctl / "log").unlink()
    board = Destination("here")
    deploy(pack(two_bundles[1], []), board, lambda _: None, root=str(layout.root))
    rollback(board, lambda _: None, str(layout.root))
    assert (systemctl / "log").read_text() == "--user restart bitprior.service\n" * 2


@pytest.mark.usefixtures("here")
def test_without_a_systemd_of_the_user_nothing_is_begun(systemctl, layout, bundle_path):
    (systemctl / "refused").write_text("show-environment\n")
    with pytest.raises(DeviceRefusedError, match="no show-environment") as caught:
        send(bundle_path, layout)
    assert "loginctl enable-linger" in caught.value.todo
    assert not layout.root.exists()


@pytest.mark.usefixtures("here")
def test_a_service_that_does_not_start_leaves_the_bundle_in_use(systemctl, layout, bundle_path):
    (systemctl / "refused").write_text("restart\n")
    with pytest.raises(DeviceRefusedError, match="the bundle is in use"):
        send(bundle_path, layout)
    assert linked(layout.current) is not None


@pytest.mark.parametrize("name", ["a b", "a\nExecStart=x", "%h", 'a"b', "$HOME"])
def test_a_root_or_python_that_a_unit_file_would_misread_is_refused(name, tmp_path):
    with pytest.raises(RefusalError, match="a --root of letters"):
        service.check(Layout(tmp_path / name))
    with pytest.raises(RefusalError, match="a --python of letters"):
        service.unit(Layout(tmp_path), Release((), None, name))


def test_the_packages_that_were_sent_are_the_services(tmp_path):
    unit = service.unit(Layout(tmp_path), Release((), "e" * 64, "/usr/bin/python3"))
    assert f"Environment=PYTHONPATH={tmp_path}/current/site\n" in unit
