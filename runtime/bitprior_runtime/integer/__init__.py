"""The integer arithmetic: programs as integer plans, and numpy kernels that define them."""
