"""The second stage: what fires and is not to be notified. Silences, maintenance, inhibition."""
