"""Push providers. A message is for one device, whose token is in the recipient's channel data."""
