"""A campaign in the browser, read-only."""
