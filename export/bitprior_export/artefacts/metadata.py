"""What an ONNX file says about itself: its metadata_props."""

from bitprior_runtime.bundle import Bundle
from bitprior_runtime.frames.onnx_kinds import serves_frames
from bitprior_runtime.profiles import Profile
from bitprior_runtime.proximal_defaults import loop_options

_Z, _Y = "latents, float32 [B,k]", "measurements, float32 [B,m]"
_IMAGE, _LOSS = "images in [0,1], float32 [B,C,H,W]", "||y - A(G(z))||^2, float32 [B]"
_ENDS = {
    "generate": ({"z": _Z}, {"image": f"G(z): {_IMAGE}"}),
    "sense": ({"x": _IMAGE}, {"y": f"A(x): {_Y}"}),
    "gradient": (
        {"z": _Z, "y": _Y},
        {"loss": _LOSS, "gradient": "of loss by z, float32 [B,k]", "image": f"G(z): {_IMAGE}"},
    ),
    "recover": (
        {
            "y": _Y,
            "z0": f"start {_Z}",
            "beta": "step size, float32 scalar; see step_size",
            "max_steps": "gradient steps, int64 scalar; see steps",
            "tolerance": "a row stops where loss changes by at most this share; float32 scalar",
        },
        {
            "image": f"recovered {_IMAGE}",
            "z": f"found {_Z}",
            "loss": _LOSS,
            "history": "loss before each step and at the end, float32 [steps taken + 1, B]",
            "steps": "gradient steps each row took, int64 [B]",
        },
    ),
}


_MAPS, _FRAMED = "latent maps, float32 [B,C,h,w]", "float32 [B,C,H,W], any frame on its canvas"
_ENDS_ON_MAPS = {
    "generate": ({"z": _MAPS}, {"image": f"G(z), not clipped: {_FRAMED}"}),
    "vjp": (
        {"z": _MAPS, "cotangent": f"of the image, {_FRAMED}"},
        {"gradient": f"J_G^T cotangent, as {_MAPS}"},
    ),
    "start": (
        {"u": f"linear estimate - mean, and its standard deviation, [B,2,H,W]: {_FRAMED}"},
        {"z": f"start {_MAPS}"},
    ),
    "penalty": ({"z": _MAPS}, {"w": "K1 z, float32 [B,P,h,w]"}),
    "penalty_vjp": (
        {"cotangent": "of w, float32 [B,P,h,w]"},
        {"gradient": f"K1^T cotangent, as {_MAPS}"},
    ),
}


def describe(bundle: Bundle, kind: str, target: Profile, half: bool) -> dict[str, str]:
    """Return the metadata of a file.

    Args:
        bundle: Its bundle.
        kind: Of the file, see :mod:`.build`.
        target: The board it is made for.
        half: It computes in float16.
    """
    manifest = bundle.manifest
    solver = manifest.solver
    loop = loop_options(solver, solver.steps)
    inputs, outputs = (_ENDS_ON_MAPS if serves_frames(bundle) else _ENDS)[kind]
    low, high = manifest.value_range
    return {
        "name": manifest.name,
        "kind": kind,
        "bits": str(manifest.bits),
        "grid": manifest.grid or "none",
        "granularity": manifest.granularity or "none",
        "geometry": ",".join(map(str, manifest.geometry)),
        "value_range": f"{low:g},{high:g}",
        "latent": str(manifest.latent),
        "measurements": str(manifest.measurement.size),
        "measurement_kind": manifest.measurement.kind,
        "loop": "fista" if loop.momentum else "proximal",
        "step_size": repr(loop.step_size),
        "steps": str(loop.steps),
        "sparsity": "none" if loop.sparsity is None else str(loop.sparsity),
        "initial_latent": solver.initial_latent,
        "projection": loop.projection,
        "precision": "float16" if half else "float32",
        "target": target.name,
        "licence": manifest.licence,
        "session": "session.disable_quant_qdq=1, session.qdq_matmulnbits_accuracy_level=0",
        **{f"input.{name}": what for name, what in inputs.items()},
        **{f"output.{name}": what for name, what in outputs.items()},
    }
