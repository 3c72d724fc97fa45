"""Kernels compiled for cards, and their PTX interpreted, where there is no card."""
