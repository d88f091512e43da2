"""Messages, on the thread of the call: sending, pulling, handling, settling."""
