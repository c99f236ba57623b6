"""Export of photo priors: three programs, the schedule of a learned search, maps of any frame."""
