"""Measurements that anyone can run again: ``python -m bench``; figures are never asserted in a timed test."""
