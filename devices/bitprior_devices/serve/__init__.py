"""The live page: a camera, its measurement and the recovered image in a browser."""
