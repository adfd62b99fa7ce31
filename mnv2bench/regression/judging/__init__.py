"""The statistics behind a verdict."""
