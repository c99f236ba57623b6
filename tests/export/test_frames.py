"""What is left of a cut generator serves frames larger than it was trained on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from bitprior_export.bundle import encode_bundle
from bitprior_export.cuts import cut
from bitprior_export.frames import find_frames
from bitprior_runtime.bundle import Frames, Measurement, decode_bundle
from bitprior_runtime.bundle.identity import identity_sensing
from bitprior_runtime.model import Model
from bitprior_runtime.shapes import infer_shapes
from builders import surgery
from builders.conformance import output_named_x
from builders.wrapped import bundle_of, linear_sensing, scaled_weights


def cut_bundle(generator, where):
    """Return a bundle of a cut generator, with the frames that were found."""
    made = cut(output_named_x(generator), where)
    frames, latents = find_frames(made.program, made.latents)
    geometry = infer_shapes(made.program)["x"]
    whole = bundle_of(made.program, linear_sensing(geometry), step_size=1e-6)
    manifest = replace(whole.manifest, latents=latents, frames=frames)
    return decode_bundle(encode_bundle(replace(whole, manifest=manifest)))


def in_torch(program, maps):
    """Run a cut DCGAN on latent maps [B,C,h,w], op by op."""
    values = {}
    tensors = {name: torch.from_numpy(t.values().copy()) for name, t in program.tensors.items()}
    for node in program.nodes:
        if node.op == "Reshape":
            values[node.output] = maps
            continue
        x, *others = (tensors.get(name, values.get(name)) for name in node.inputs)
        if node.op == "ConvTranspose":
            top, left, _, _ = node.attributes.get("pads", (0, 0, 0, 0))
            bias = others[1] if len(others) > 1 else None
            strides = node.attributes.get("strides", (1, 1))
            found = functional.conv_transpose2d(x, others[0], bias, strides, (top, left))
        elif node.op in ("Mul", "Add"):
            found = x * others[0] if node.op == "Mul" else x + others[0]
        else:
            found = {"Relu": torch.relu, "Tanh": torch.tanh, "Sigmoid": torch.sigmoid}[node.op](x)
        values[node.output] = found
    return values[program.output]


@pytest.mark.parametrize("bits", [1, 32])
def test_a_cut_dcgan_draws_a_larger_frame_as_torch_does(bits):
    bundle = cut_bundle(surgery.dcgan(scaled_weights(bits), width=2, latent=8), 1)
    (channels, side, _) = next(iter(bundle.manifest.latents.values()))
    height = bundle.manifest.geometry[1]
    stride = height // side
    assert bundle.manifest.frames == Frames(stride)
    frame = (height + 2 * stride, height + stride - 3)
    prior = Model(bundle, 0).at(frame, kernel="numpy")
    rows, columns = side + 2, side + 1
    assert prior.latent == channels * rows * columns
    z = np.random.default_rng(0).standard_normal((2, prior.latent)).astype(np.float32)
    maps = torch.from_numpy(z.reshape(2, channels, rows, columns))
    expected = in_torch(bundle.generator, maps).numpy()[:, :, : frame[0], : frame[1]]
    np.testing.assert_allclose(prior.generate(z), expected, atol=2e-5)


def test_the_parts_of_a_latent_with_skips_follow_a_frame():
    bundle = cut_bundle(surgery.began(scaled_weights(4, gain=0.9), width=2, latent=8), 2)
    assert len(bundle.manifest.latents) > 1
    assert bundle.manifest.frames is not None
    _, height, width = bundle.manifest.geometry
    stride = bundle.manifest.frames.stride
    prior = Model(bundle, 0).at((height + stride, width), kernel="numpy")
    grown = (height + stride) / height
    assert prior.latent == bundle.manifest.latent * grown
    z = np.random.default_rng(0).standard_normal((1, prior.latent)).astype(np.float32)
    c = np.random.default_rng(1).standard_normal((1, 3, height + stride, width))
    step = np.random.default_rng(2).standard_normal(z.shape).astype(np.float32)
    slope = (prior.vjp(z, c.astype(np.float32)) * step).sum()
    ahead, behind = (prior.generate(z + e * step) for e in (1e-2, -1e-2))
    assert slope == pytest.approx(((ahead - behind) / 2e-2 * c).sum(), rel=2e-2)


def test_a_whole_dcgan_and_a_perceptron_have_only_their_own_size():
    whole = surgery.dcgan(scaled_weights(4), width=2, latent=8)
    assert find_frames(whole, None) == (None, None)
    bundle = bundle_of(output_named_x(whole), identity_sensing(infer_shapes(whole)[whole.output]))
    assert bundle.manifest.frames is None
    assert isinstance(bundle.manifest.measurement, Measurement)
