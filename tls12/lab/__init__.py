"""Everything that misbehaves or looks inside; never imported by the layers above it."""
