"""Jobs that build on each other, written once over an injected engine."""
