"""Commands of reaction thermodynamics, answered from a pinned phase set and without a job."""
