"""Generator Surgery in the report: what ``bitprior compare-methods`` found, and the priors."""
