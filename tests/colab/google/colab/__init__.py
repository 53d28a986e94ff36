"""Stands in for Colab's own package, which is imported in every kernel there."""
