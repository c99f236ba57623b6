"""A fuzzer of bundles: structured mutations with recomputed digests; run it with ``make fuzz``."""
