"""The same jobs under FireWorks or jobflow-remote on a cluster."""
