"""The grammar of the language, kept as data files."""
