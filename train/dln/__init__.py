"""The experiment of Leem et al. (Interspeech 2021): dense, ladder and decoupled ladder nets on noisy speech."""
