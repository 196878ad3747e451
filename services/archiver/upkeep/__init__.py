"""What is asked to look after stores, by people and by the clock."""
