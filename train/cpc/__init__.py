"""Contrastive predictive coding with an attention recogniser (Li et al., ICASSP 2021): pre-training and study."""
