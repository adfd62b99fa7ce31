"""The page, the CSV and the pictures of profiles."""
