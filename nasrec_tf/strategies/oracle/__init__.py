"""The machinery under KerasTuner that keeps trials, hands them out and survives kills."""
