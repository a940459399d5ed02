"""A .tflite file and its card turn pixels into unit vectors."""
