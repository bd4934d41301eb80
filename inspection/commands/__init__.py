"""The commands of ``welt``, a module each; ``inspection.cli`` puts them together."""
