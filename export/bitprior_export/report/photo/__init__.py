"""The report's part on photos: priors of any frame, and operators apart from them."""
