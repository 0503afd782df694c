"""Finished runs of others: looked at, held against what is asked, and made documents."""
