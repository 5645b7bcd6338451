"""Compares two saved runs, merges several into one, and redacts names and addresses."""
