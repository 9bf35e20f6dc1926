"""One scheduled job per file, each a function run(services). worker.py says how often and why."""
