"""What two hundred operations of all kinds send, recorded."""
