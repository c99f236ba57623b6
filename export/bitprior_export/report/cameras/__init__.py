"""Pictures from real cameras' readings, in a report."""
