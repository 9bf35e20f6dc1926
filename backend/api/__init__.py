"""HTTP in, HTTP out: one blueprint per resource. A view says who may call, parses, does one thing, and shapes the answer."""
