"""``python -m bitprior_runtime``: the command line where no script is installed."""

from bitprior_runtime.cli.main import main

main()
