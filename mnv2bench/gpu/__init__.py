"""GPUs as their driver and NVML tell of them: what is there, what it is doing. Read, never set."""
