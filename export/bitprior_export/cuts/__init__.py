"""Generator Surgery at export: drop the first blocks, and what they made becomes the latent."""

from bitprior_export.cuts.blocks import boundaries
from bitprior_export.cuts.cut import CutProgram, cut, cut_generator, head

__all__ = ["CutProgram", "boundaries", "cut", "cut_generator", "head"]
