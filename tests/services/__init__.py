"""Real services that tests run against, started on loopback only; they bring no data and leave none."""
