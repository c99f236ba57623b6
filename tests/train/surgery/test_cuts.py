"""Cut generators: the rest of the whole, bit for bit, with the latents of the paper."""

from pathlib import Path

import pytest
import torch

from bitprior_export.cuts import boundaries
from bitprior_export.cuts import cut as cut_program
from bitprior_export.qonnx.reader import read_program
from bitprior_export.qonnx.writer import write_qonnx
from bitprior_runtime.errors import MissingFileError, UsageError
from bitprior_train.dcgan import DCGANGenerator
from bitprior_train.priors.began import BEGANGenerator
from bitprior_train.priors.config import Kind
from bitprior_train.priors.vae import VAEDecoder
from bitprior_train.surgery.cuts import blocks_of, cut
from bitprior_train.surgery.prior import load_prior, untrained
from builders.priors import KINDS, LATENT, tiny_generator, write_prior
from builders.runs import write_record


@pytest.mark.parametrize("bits", [2, 32])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_generator_equals_the_rest_of_the_whole(kind: Kind, bits: int) -> None:
    whole = tiny_generator(kind, bits)
    z = torch.randn(3, LATENT)
    count = len(blocks_of(whole, kind)[0])
    assert count == {"dcgan": 5, "began": 11, "vae": 6}[kind]
    with torch.no_grad():
        expected = whole(z)
        for c in range(count):
            rest = cut(whole, kind, c)
            latent = rest.head(z)
            assert latent.shape == (3, rest.variables)
            assert torch.equal(rest(latent), expected)


def test_latents_at_full_width_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        dcgan = DCGANGenerator(100, 64, (3, 64, 64))
        vae, began = VAEDecoder(512, 128, 128), BEGANGenerator(64, 128, 128)
        sizes = [cut(dcgan, "dcgan", c).variables for c in range(5)]
        assert sizes == [100, 8192, 16384, 32768, 65536]
        sizes = [cut(vae, "vae", c).variables for c in range(7)]
        assert sizes == [512, 32768, 65536, 131072, 262144, 524288, 2097152]
        sizes = [cut(began, "began", c).variables for c in range(14)]
    # The paper's 2,105,344 of cuts 12 and 13 count a skip of 8,192 that nothing reads any more.
    shallow, deep = [40960] * 3 + [139264] * 3 + [532480] * 3, [2105344, 2097152, 2097152]
    assert sizes == [64, 8192, *shallow, *deep]


def test_a_began_cut_between_its_skips_has_two_latents() -> None:
    with torch.device("meta"):
        rest = cut(BEGANGenerator(64, 128, 128), "began", 2)
    assert rest.parts == ((128, 16, 16), (128, 8, 8))


@pytest.mark.parametrize("kind", KINDS)
def test_cuts_are_those_of_the_export(kind: Kind, tmp_path: Path) -> None:
    whole, path = tiny_generator(kind), tmp_path / "generator.onnx"
    z = torch.randn(2, LATENT)
    write_qonnx(
        whole, z, path, name="generator", input_name="z", output_name="x", metadata={"bits": 32}
    )
    program = read_program(path, "generator", "z", "x")
    count = len(blocks_of(whole, kind)[0])
    assert len(boundaries(program)) == count
    for c in range(count):
        (size,) = cut_program(program, c).program.inputs.values()
        assert size == (cut(whole, kind, c).variables,)


def test_a_cut_leaves_the_mode_of_the_generator_alone() -> None:
    whole = tiny_generator("dcgan").train()
    before = {name: value.clone() for name, value in whole.state_dict().items()}
    assert cut(whole, "dcgan", 2).training
    assert all(module.training for module in whole.modules())
    assert all(torch.equal(value, before[name]) for name, value in whole.state_dict().items())


@pytest.mark.parametrize("c", [-1, 5])
def test_a_cut_that_leaves_nothing_is_refused(c: int) -> None:
    with pytest.raises(UsageError, match="0 to 4 of the 5 blocks"):
        cut(tiny_generator("dcgan"), "dcgan", c)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [1, 3, 32])
def test_a_loaded_prior_makes_the_images_of_the_trained_one(
    kind: Kind, bits: int, tmp_path: Path
) -> None:
    prior = load_prior(write_prior(tmp_path / "run", kind, bits))
    z = torch.randn(2, LATENT)
    with torch.no_grad():
        assert torch.equal(prior.generator(z), tiny_generator(kind, bits)(z))
    assert (prior.run, prior.kind, prior.geometry) == ("run", kind, (3, 64, 64))
    assert not any(p.requires_grad for p in prior.generator.parameters())


def test_an_untrained_prior_is_another_one_each_time(tmp_path: Path) -> None:
    prior = load_prior(write_prior(tmp_path / "run", "dcgan"))
    first, second = (untrained(prior).state_dict()["layers.0.weight"] for _ in range(2))
    assert first.shape == second.shape
    assert not torch.equal(first, second)


def test_what_is_not_a_run_of_a_prior_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="bitprior train --prior"):
        load_prior(tmp_path)
    write_record(tmp_path)
    with pytest.raises(MissingFileError, match="with a sensing network"):
        load_prior(tmp_path)
