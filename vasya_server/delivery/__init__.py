"""How events reach those who may know of them: who may be told, and what tells them."""
