"""The fuzzer's child: ``python -m attacks.fuzz.child FIRST COUNT``, a process of its own."""

import builders.no_torch  # noqa: F401 - before the op cases
from attacks.fuzz.trial import main

if __name__ == "__main__":
    main()
