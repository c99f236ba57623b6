"""Many runs of one data set: every combination of bits, s, m and seed, in parallel, resumable."""
