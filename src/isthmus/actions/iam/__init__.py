"""The actions of IAM: a public function is the action of its name."""
