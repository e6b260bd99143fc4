"""The actions of EC2, one module per resource. A public function here is the action of its name."""
