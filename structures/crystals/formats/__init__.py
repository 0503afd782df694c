"""Structure files of one format each."""
