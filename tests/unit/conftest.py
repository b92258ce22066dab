"""Properties are tested without a limit of time for one example, which a busy machine would break."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
