"""What convert_model.py is made of; needs TensorFlow, so it never runs on the device."""
