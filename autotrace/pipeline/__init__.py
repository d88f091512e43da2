"""From a finished span to a sink: a bounded buffer and one worker thread per process."""
