"""The endpoints of the page, one file each: its tab, its inputs and outputs, what it does."""
