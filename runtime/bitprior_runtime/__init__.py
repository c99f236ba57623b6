"""The runtime of bitprior."""
