"""The export house of bitprior."""
