"""What the services do: one module per resource, and a public function for every action."""
