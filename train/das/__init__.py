"""The tables of Das et al. (ICASSP and NLDL 2022), with corpora that are at hand, beside the published figures."""
