"""Noisy speech as Leem et al. (Interspeech 2021) recorded it, simulated: speech and noise each played in a room.

:mod:`~train.noisy.sides` says what may be heard in training and what in tests, :mod:`~train.noisy.material` what noise
is made of, :mod:`~train.noisy.places` where everything stands, :mod:`~train.noisy.receiver` what the device does to
it; :mod:`~train.noisy.recording` makes one recording of these, :mod:`~train.noisy.build` a corpus, and
:mod:`~train.noisy.conversation` long clips with a timeline.
"""
