"""Networks that map (image, noising state, condition) to an image of white noise, or what stands for it."""
