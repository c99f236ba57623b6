"""Signing and verifying: OpenSSH's answer, and what each way to be wrong ends in."""

import json
import shutil

import pytest

from bitprior_runtime import signatures
from bitprior_runtime.cli.main import run
from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_runtime.signatures import SignatureError, load_signed, sign_bundle
from builders.board_end import write_tiny
from builders.signers import MISSING, Signers

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture
def signers(tmp_path):
    return Signers(tmp_path)


@pytest.fixture
def signed(tmp_path, signers):
    """A bundle signed by alice."""
    path = write_tiny(tmp_path / "m.bitprior", 3)
    sign_bundle(path, signers.key())
    return path


def test_a_signed_bundle_is_verified_and_its_signer_named(signed, signers, capsys):
    flags = ["--signers", str(signers.listed()), "--kernel", "numpy"]
    assert run(["verify", str(signed), *flags]) == 0
    assert "signed by alice@example.org" in capsys.readouterr().out
    assert run(["verify", str(signed), *flags, "--identity", "alice@example.org", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["signer"] == "alice@example.org"
    assert run(["verify", str(signed), "--kernel", "numpy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["signer"] is None


def test_sign_writes_the_signature_beside_the_bundle_and_says_where(tmp_path, signers, capsys):
    path = write_tiny(tmp_path / "m.bitprior")
    assert run(["sign", str(path), "--key", str(signers.key()), "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out == {"bundle": str(path), "signature": f"{path}.sig"}
    assert (tmp_path / "m.bitprior.sig").read_text().startswith("-----BEGIN SSH SIGNATURE-----")


@pytest.mark.parametrize(
    ("options", "name", "identity", "found"),
    [
        ("", "mallory", None, "No principal matched"),
        ("", "alice", "bob@example.org", "."),
        ('valid-before="20200101"', "alice", None, "key has expired"),
        ('valid-before="20200101"', "alice", "alice@example.org", "key has expired"),
        ('valid-after="20990101"', "alice", None, "not yet valid"),
        ('namespaces="git"', "alice", None, "not permitted for use in signature namespace"),
    ],
)
def test_a_key_that_may_not_sign_is_refused(signed, signers, options, name, identity, found):
    with pytest.raises(SignatureError, match=found) as caught:
        load_signed(signed, signers.listed(options, name), identity)
    assert caught.value.exit_code == 1
    assert "do not use the bundle" in caught.value.todo


def test_of_an_altered_file_nothing_is_decoded(signed, signers, tmp_path, monkeypatch):
    write_tiny(signed, 4)  # another bundle, whole in itself, beside the first one's signature
    monkeypatch.setattr(signatures, "decode_bundle", lambda data: pytest.fail("decoded"))
    with pytest.raises(SignatureError, match="incorrect signature"):
        load_signed(signed, signers.listed())


def test_a_signature_for_another_purpose_does_not_count(signed, signers, monkeypatch):
    monkeypatch.setattr("bitprior_runtime.board.signature.NAMESPACE", "git")
    sign_bundle(signed, signers.key())
    monkeypatch.undo()
    with pytest.raises(SignatureError, match="namespace does not match"):
        load_signed(signed, signers.listed())


def test_a_missing_a_torn_and_a_huge_signature_are_refused(signed, signers):
    signature = signed.with_name("m.bitprior.sig")
    signature.write_bytes(b"junk")
    with pytest.raises(SignatureError, match="parse signature"):
        load_signed(signed, signers.listed())
    signature.write_bytes(bytes(10**6))
    with pytest.raises(SignatureError, match="at most 65536 bytes"):
        load_signed(signed, signers.listed())
    signature.unlink()
    with pytest.raises(SignatureError, match=r"a signature m\.bitprior\.sig beside.*none"):
        load_signed(signed, signers.listed())


def test_a_signature_is_of_the_bytes_and_a_renamed_bundle_takes_it_along(signed, signers):
    renamed = signed.rename(signed.with_name("other.bitprior"))
    with pytest.raises(SignatureError, match="takes its signature along"):
        load_signed(renamed, signers.listed())
    signed.with_name("m.bitprior.sig").rename(signed.with_name("other.bitprior.sig"))
    model, signer = load_signed(renamed, signers.listed())
    assert (model.path, signer) == (renamed, "alice@example.org")


def test_without_ssh_keygen_the_line_says_what_to_install(signed, signers, monkeypatch, tmp_path):
    listed = signers.listed()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert shutil.which("ssh-keygen") is None
    for attempt in (lambda: load_signed(signed, listed), lambda: sign_bundle(signed, listed)):
        with pytest.raises(SignatureError, match="no such program; install openssh-client"):
            attempt()


def test_a_damaged_bundle_is_not_signed(tmp_path, signers, capsys):
    path = write_tiny(tmp_path / "m.bitprior")
    path.write_bytes(path.read_bytes()[:-1])
    assert run(["sign", str(path), "--key", str(signers.key())]) == 3
    assert not path.with_name("m.bitprior.sig").exists()
    assert capsys.readouterr().err.count("\n") == 1


def test_what_is_no_key_signs_nothing(signed, tmp_path):
    with pytest.raises(SignatureError, match="No such file"):
        sign_bundle(signed, tmp_path / "none")


def test_an_identity_without_a_list_and_a_list_that_is_missing_are_refused(signed, tmp_path):
    assert run(["verify", str(signed), "--identity", "alice"]) == UsageError.exit_code
    with pytest.raises(MissingFileError, match="allowed signers"):
        load_signed(signed, tmp_path / "none")


def test_a_list_of_patterns_needs_a_name(signed, signers):
    listed = signers.listed()
    listed.write_text(listed.read_text().replace("alice@", "*@"))
    with pytest.raises(SignatureError, match="patterns only"):
        load_signed(signed, listed)
    assert load_signed(signed, listed, "carol@example.org")[1] == "carol@example.org"
