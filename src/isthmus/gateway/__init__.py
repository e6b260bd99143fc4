"""From bytes to bytes: authenticate, decode, authorize and act, journal, encode; and the network edge around it."""
