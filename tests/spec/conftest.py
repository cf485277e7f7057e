from hypothesis import settings

settings.register_profile("fast", max_examples=60, deadline=None)
settings.load_profile("fast")
