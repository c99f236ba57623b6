"""The demo: every bit width from training to a recovered image, in minutes, without a download."""
