"""The only code that talks to the API server: reads, writes, leadership, events."""
