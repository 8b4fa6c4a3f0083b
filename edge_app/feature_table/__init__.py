"""Tables of acoustic features of recordings, for whoever wants the features themselves."""
