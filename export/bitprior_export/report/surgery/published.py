"""Table 1 of *Generator Surgery for Compressed Sensing*, as printed."""

from collections.abc import Mapping

from bitprior_export.report.surgery.comparison import DECODER, GS, IAGAN, MGAN

# Variables over n, BEGAN of 128 x 128.
OVERPARAMETRISATION: Mapping[str, float] = {MGAN: 0.195, GS: 0.833, DECODER: 0.838, IAGAN: 43.7}
UNDERCOUNT = (
    "The paper's 0.195 for mGANprior counts one weight for each of its 20 codes; its code has one "
    "for each code and channel, which makes it 0.245. Ours counts all of them."
)
# m/n at which the paper shows images (its Fig. 5).
SHOWN_RATIO = 0.16
