"""Remote: cases that run on phones, boards and emulated processors."""
