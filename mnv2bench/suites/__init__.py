"""What `pytest suites` refuses before it measures: options that cannot apply, and baselines that cannot be compared."""
