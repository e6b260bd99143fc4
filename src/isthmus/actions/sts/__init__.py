"""The actions of STS. A public function here is the action of its name."""
