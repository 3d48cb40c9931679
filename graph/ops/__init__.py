"""The op families; one op is one block in one file."""
