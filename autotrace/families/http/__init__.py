"""HTTP, on the thread of the call: clients and servers."""
