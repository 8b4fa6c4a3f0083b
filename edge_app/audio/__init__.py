"""Where audio comes from: a microphone, a file, a pipe. All deliver 16 kHz mono blocks through one protocol."""
