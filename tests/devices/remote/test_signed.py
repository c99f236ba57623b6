"""Boards that ask for signed bundles: nothing reads one before its signature is right."""

import shutil
from importlib.resources import files

import pytest

from bitprior_devices.deploying import Demand, demand_of, deploy, pack, rollback
from bitprior_devices.errors import DeviceRefusedError
from bitprior_devices.remote import deploy as there
from bitprior_devices.remote import signed
from bitprior_devices.remote.refusal import RefusalError
from bitprior_devices.remote.release import linked
from bitprior_devices.ssh import Destination
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import UsageError
from bitprior_runtime.signatures import sign_bundle
from builders.fake_board import lay_out
from builders.signers import MISSING, Signers

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.usefixtures("here"),
]
BOARD = Destination("here")


@pytest.fixture
def signers(tmp_path):
    return Signers(tmp_path)


@pytest.fixture
def trusting(signers, tmp_path):
    """A board that trusts alice alone."""
    return signers.listed(at=tmp_path / "home/.config/bitprior/allowed_signers")


def send(bundle, layout, **options):
    return deploy(pack(bundle, []), BOARD, [].append, root=str(layout.root), **options)


def never_replayed(monkeypatch):
    """Fail if anything reads a bundle on the board."""
    monkeypatch.setattr(there, "replay", lambda *_: pytest.fail("the bundle was read"))


def test_a_signed_bundle_is_deployed_and_its_signature_kept(layout, two_bundles, signers, trusting):
    sign_bundle(two_bundles[0], signers.key())
    assert send(two_bundles[0], layout).signer == "alice@example.org"
    assert (linked(layout.current) / "model.bitprior.sig").is_file()
    again = send(two_bundles[0], layout)
    assert (again.changed, again.signer) == (False, "alice@example.org")


def test_a_bundle_without_a_signature_is_refused_before_it_is_sent(
    layout, two_bundles, trusting, monkeypatch
):
    never_replayed(monkeypatch)
    with pytest.raises(DeviceRefusedError, match=r"signed by someone.*no signature with it"):
        send(two_bundles[0], layout)
    assert not layout.incoming.exists()


def test_a_wrong_key_an_expired_one_and_an_altered_file_are_refused_unread(
    layout, two_bundles, signers, trusting, monkeypatch
):
    never_replayed(monkeypatch)
    first, second = two_bundles
    sign_bundle(first, signers.key("mallory"))
    with pytest.raises(DeviceRefusedError, match="No principal matched"):
        send(first, layout)
    sign_bundle(second, signers.key())
    shutil.copy(f"{second}.sig", f"{first}.sig")
    with pytest.raises(DeviceRefusedError, match="incorrect signature"):
        send(first, layout)
    sign_bundle(first, signers.key())
    signers.listed('valid-before="20200101"', at=trusting)
    with pytest.raises(DeviceRefusedError, match="key has expired"):
        send(first, layout)
    assert linked(layout.current) is None
    assert not list(layout.incoming.iterdir())
    assert not list(layout.releases.iterdir())


def test_a_board_without_ssh_keygen_takes_nothing_it_cannot_check(
    layout, two_bundles, signers, trusting, monkeypatch, tmp_path
):
    never_replayed(monkeypatch)
    sign_bundle(two_bundles[0], signers.key())
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(DeviceRefusedError, match="no such program"):
        send(two_bundles[0], layout)


def test_a_rollback_to_a_release_nobody_signed_is_refused(
    layout, two_bundles, signers, monkeypatch, tmp_path
):
    first = send(two_bundles[0], layout)
    assert first.signer is None
    signers.listed(at=tmp_path / "home/.config/bitprior/allowed_signers")
    sign_bundle(two_bundles[1], signers.key())
    second = send(two_bundles[1], layout)
    with pytest.raises(DeviceRefusedError, match="no signature with it"):
        rollback(BOARD, [].append, str(layout.root))
    assert linked(layout.current).name == second.release


def test_a_profile_that_asks_for_signatures_is_heard(layout, two_bundles, tmp_path):
    folder = tmp_path / "profiles"
    folder.mkdir()
    text = files("bitprior_runtime.profiles").joinpath("raspberry-pi-4.toml").read_text("utf-8")
    (folder / "camera-box.toml").write_text("signed = true\n" + text)
    assert demand_of("camera-box", folder) == Demand(always=True)
    assert demand_of("raspberry-pi-4", folder) == Demand()
    by_model = demand_of(None, folder)
    assert by_model == Demand(models=("Raspberry Pi 4 Model B", "Raspberry Pi 4"))
    with pytest.raises(DeviceRefusedError, match="list of allowed signers on the board"):
        send(two_bundles[0], layout, demand=Demand(always=True))
    pi4, pi5 = (lay_out(tmp_path / n, n) for n in ("raspberry-pi-4", "raspberry-pi-5"))
    with pytest.raises(RefusalError, match="allowed signers"):
        signed.required_signers(by_model.as_json(), pi4)
    assert signed.required_signers(by_model.as_json(), pi5) is None
    (folder / "camera-box.toml").write_text("signed = 1\n" + text)
    with pytest.raises(UsageError, match="signed = 1, not true or false"):
        demand_of("camera-box", folder)


def test_deploy_takes_the_profile_by_name(layout, two_bundles, tmp_path, capsys):
    folder = tmp_path / "profiles"
    folder.mkdir()
    text = files("bitprior_runtime.profiles").joinpath("pc.toml").read_text("utf-8")
    (folder / "mine.toml").write_text("signed = true\n" + text)
    flags = ["--root", str(layout.root), "--target", "mine", "--profiles", str(folder)]
    assert run(["deploy", str(two_bundles[0]), "here", *flags]) == 5
    assert "allowed_signers" in capsys.readouterr().err
