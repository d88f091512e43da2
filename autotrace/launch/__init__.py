"""Starting a program traced: the launcher, which Python a command starts, and what that Python begins with."""
