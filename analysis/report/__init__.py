"""The report of a campaign: its content, its case and its page."""
