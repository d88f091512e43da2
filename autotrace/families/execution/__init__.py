"""Running elsewhere: the current span travels into threads, greenlets, processes and queues."""
