"""What all HTML pages share: the document with its policy, tables that can be filtered and sorted, and pictures."""
