"""Convolutional priors of whole photos, trained over random sensing operators."""
