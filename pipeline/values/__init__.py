"""Read single values: times, numbers, amounts, durations, coordinates."""
