"""The compiler passes, one file each, in one ordered tuple."""
