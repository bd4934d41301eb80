"""Tools for those who work on Welt; nothing here is part of the service."""
