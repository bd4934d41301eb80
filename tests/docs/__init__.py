"""Documentation: complete, true, and its commands really run."""
