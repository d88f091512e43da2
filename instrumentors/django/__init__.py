"""Django: its handlers, its test clients, its commands, and what it asks of databases for itself."""
