"""What a release is made of; dev/release puts it together."""
