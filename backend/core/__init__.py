"""What the product does, without a framework: dataclasses, decisions and the order of steps."""
