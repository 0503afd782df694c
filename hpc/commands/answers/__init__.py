"""What the commands answer with ``--json``, as types: `catholyte schema` makes JSON schemas of them."""
