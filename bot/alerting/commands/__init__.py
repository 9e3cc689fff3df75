"""/alerts: what people ask about alerts, and have done."""
