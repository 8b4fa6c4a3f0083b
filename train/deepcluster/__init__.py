"""DeepEmoCluster (Lin, Sridhar and Busso, ICASSP 2021): emotion and clusters of chunks, learnt together."""
