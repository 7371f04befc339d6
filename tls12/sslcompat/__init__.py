"""What stands in for CPython's `ssl`: its classes over connections of this library."""
