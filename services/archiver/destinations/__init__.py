"""Where archives go: folders of this machine, and whatever rclone reaches."""
