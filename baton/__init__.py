"""The bus: exchanges, messages, consumers, services. Knows nothing of chat or databases."""
