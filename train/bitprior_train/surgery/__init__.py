"""Generator Surgery for compressed sensing: recovery with cut priors, and what it is compared with.

Problems, operators and methods are torch code for this machine; a board recovers with the same cut
prior through a bundle (``bitprior export --cut``).
"""
