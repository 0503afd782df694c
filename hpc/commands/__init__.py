"""The command line, one file a command: its options, the function that answers, and what a reader is shown."""
