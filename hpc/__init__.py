"""Where campaigns run and are looked at: stores, workers, queues, board, command line."""
