"""The inside of a model: run once on some images, and each of its numbers taken apart into the sum that makes it."""
