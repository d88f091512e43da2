"""Queues of tasks, on the thread of the call."""
