"""Training of 1-4-bit generative image priors with their sensing networks."""
