"""eGeMAPS, the extended Geneva minimalistic acoustic parameter set, streaming."""
