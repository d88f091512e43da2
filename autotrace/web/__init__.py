"""The page: the same answers as the commands', in a browser on this machine. Reader side; it only reads."""
