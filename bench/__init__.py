"""The benchmarks and their recorded results, RESULTS.md."""
