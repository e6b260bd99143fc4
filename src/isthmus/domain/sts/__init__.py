"""The rules of STS, as pure as the rest of `domain`: temporary credentials, how long they last, and what goes with them."""
