"""Whole photos, measured with operators apart from any prior, and what is recovered of them."""
