"""What tracing costs: autotrace, OpenTelemetry and ddtrace side by side; ``make bench`` runs it."""
