"""QONNX, the only door into export: written from torch, checked against it, read to programs.

``writer`` and ``check`` need torch; ``reader`` does not. Nothing is re-exported here, so that
reading a file never loads torch.
"""
