"""Images: data sets as numpy arrays with seeded, disjoint, hashed splits. No torch here."""

from bitprior_train.data.dataset import Dataset, load_dataset, load_test_part

__all__ = ["Dataset", "load_dataset", "load_test_part"]
