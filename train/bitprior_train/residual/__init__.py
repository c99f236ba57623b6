"""Linear synthesis with a convolutional residual, trained together with a linear sensing map."""
