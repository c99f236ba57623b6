"""Table 1 of *Quantized Generative Models for Solving Inverse Problems*, as printed."""

from collections.abc import Mapping

SYSTEMS = (
    "1-bit Q-GEN",
    "2-bit Q-GEN",
    "3-bit Q-GEN",
    "4-bit Q-GEN",
    "32-bit SDLSS",
    "32-bit DCS",
)
REFERENCE = "32-bit SDLSS"

# (PSNR in dB, SSIM) by data set and system.
TABLE_1: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "cifar10": {
        "1-bit Q-GEN": (22.07, 0.6787),
        "2-bit Q-GEN": (22.29, 0.6961),
        "3-bit Q-GEN": (22.51, 0.7036),
        "4-bit Q-GEN": (22.57, 0.7060),
        "32-bit SDLSS": (22.84, 0.7259),
        "32-bit DCS": (22.60, 0.7094),
    },
    "svhn": {
        "1-bit Q-GEN": (31.71, 0.9213),
        "2-bit Q-GEN": (32.06, 0.9201),
        "3-bit Q-GEN": (33.26, 0.9370),
        "4-bit Q-GEN": (33.65, 0.9414),
        "32-bit SDLSS": (34.01, 0.9549),
        "32-bit DCS": (34.63, 0.9501),
    },
    "stl10": {
        "1-bit Q-GEN": (20.65, 0.5543),
        "2-bit Q-GEN": (21.24, 0.5996),
        "3-bit Q-GEN": (21.45, 0.6051),
        "4-bit Q-GEN": (21.63, 0.6279),
        "32-bit SDLSS": (22.04, 0.6723),
        "32-bit DCS": (23.16, 0.7136),
    },
}
