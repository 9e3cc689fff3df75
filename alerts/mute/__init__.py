"""What fires and is not told: silences, maintenance, inhibition."""
