"""The CPU executor: generated machine code, its thread pool, and tables of commands."""
