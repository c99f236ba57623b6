"""The command line ``bitprior``: verbs of the runtime, and those that other houses add."""
