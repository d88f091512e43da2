"""What a compiled part would buy: a prototype in C beside autotrace, measured by ``make bench-compiled``."""
