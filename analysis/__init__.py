"""Numbers, figures and the report from stored documents; analysis never runs a job."""
