"""Videos made by a program: gestures of a drawn hand."""
