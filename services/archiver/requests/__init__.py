"""What the archiver answers: a module for each subject."""
