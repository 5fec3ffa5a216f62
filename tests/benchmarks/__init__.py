"""Benchmarks: run by hand, recorded in docs/benchmarks.md."""
