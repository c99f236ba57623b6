"""The program that runs on the board: standard library only, Python 3.8 or newer.

Its source is sent over the ssh connection each time, so a board needs nothing but python3. What
it runs in turn, the runtime, it runs in processes of its own.
"""
