"""What training and the device share: numpy only."""
