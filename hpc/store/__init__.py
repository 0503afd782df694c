"""Where results and job states live, and how a result gets there."""
